#!/bin/bash
# What people type at bash, zsh and fish, with a tab in it, where the packages are installed: a verb, an option and the name
# of a key file are completed.
. "$(dirname "$0")/_machine.sh"

packages_made
machine_root A
quietly within A apt-get -q update
quietly within A apt-get -q -y --no-install-recommends -o APT::Sandbox::User=root install bash-completion zsh fish
install_packages A
mount -t proc proc "$machines/A/proc"
within A touch /etc/warp/private.key /etc/warp/map.key
# They stand before the programs, and say what the line was.
for program in warp warpd warp-map; do
  within A install -m 755 /dev/stdin "/usr/local/bin/$program" <<'PROGRAM'
#!/bin/sh
printf '%s\n' "${0##*/}" "$@" >/typing && mv /typing /typed
PROGRAM
done
# As a new account has it: Debian's own, and what zsh's manual says.
within A tee -a /root/.bashrc >/dev/null <<<". /usr/share/bash-completion/bash_completion; PS1='ready> '"
within A tee /root/.zshrc >/dev/null <<<"autoload -U compinit; compinit -u; PROMPT='ready> '"
within A install -D -m 644 /dev/stdin /root/.config/fish/config.fish <<<"function fish_prompt; echo -n 'ready> '; end"

for shell in bash zsh fish; do
  step "$shell"
  typed() { $lab_python "$package_tests/typed.py" "$machines/A" "$shell" "$@"; }
  typed 'warp sta<Tab>' warp status
  typed 'warp status --js<Tab>' warp status --json
  typed 'warp tunnel sh<Tab> --js<Tab>' warp tunnel show --json
  typed 'warp-map --private-key-file /etc/warp/map.k<Tab>' warp-map --private-key-file /etc/warp/map.key
  typed 'warpd --config /etc/warp/warpd.yaml.e<Tab> --ch<Tab>' warpd --config /etc/warp/warpd.yaml.example --check
done
