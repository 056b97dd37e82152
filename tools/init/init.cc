#include "tools/init/init.h"

#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control/config/file/key_files.h"
#include "dataplane/wire/crypto/keys.h"
#include "tools/init/init_config.h"
#include "tools/init/init_next.h"
#include "tools/init/init_questions.h"
#include "tools/init/new_file.h"
#include "tools/machine/linux_machine.h"
#include "tools/machine/uplinks.h"
#include "tools/terminal/complain.h"
#include "tools/terminal/plain.h"

namespace warp::tools {
namespace {

namespace fs = std::filesystem;

template <typename Item>
absl::Status ParseAll(const std::vector<std::string>& texts, const char* option,
                      absl::StatusOr<Item> (*parse)(absl::string_view), std::vector<Item>& items) {
  for (const std::string& text : texts) {
    absl::StatusOr<Item> item = parse(text);
    if (!item.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(option, ": ", item.status().message()));
    }
    items.push_back(*std::move(item));
  }
  return absl::OkStatus();
}

absl::StatusOr<InitConfig> Said(const InitOptions& options) {
  InitConfig config;
  absl::Status status = ParseAll(options.ports, "--port", ParseInitPort, config.ports);
  if (status.ok()) status = ParseAll(options.peers, "--peer", ParseInitPeer, config.peers);
  if (status.ok()) status = ParseAll(options.maps, "--map", ParseInitMap, config.maps);
  if (status.ok()) status = ParseAll(options.tunnels, "--tunnel", ParseInitTunnel, config.tunnels);
  if (!status.ok()) return status;
  return config;
}

// The ports are needed only together with a peer, and so is what can be wrong with them.
absl::Status FillPorts(InitConfig& config) {
  const absl::StatusOr<std::vector<std::string>> uplinks = ReadUplinks(LinuxMachine());
  if (!uplinks.ok()) {
    return absl::Status(uplinks.status().code(),
                        absl::StrCat(uplinks.status().message(), "; --port INTERFACE says which"));
  }
  for (const std::string& interface : *uplinks) config.ports.push_back({interface, interface});
  if (!config.ports.empty()) return absl::OkStatus();
  return absl::NotFoundError(
      "no interface has a default route; --port INTERFACE says by which to send");
}

bool OnTerminal() { return isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0; }

absl::StatusOr<InitConfig> Gather(const InitOptions& options) {
  absl::StatusOr<InitConfig> config = Said(options);
  if (!config.ok()) return config;
  const bool ask = config->peers.empty() && OnTerminal();
  if (config->ports.empty() && (ask || !config->peers.empty())) {
    const absl::Status filled = FillPorts(*config);
    if (!filled.ok() && !ask) return filled;
  }
  if (ask) {
    if (absl::Status asked = AskForInit(std::cin, std::cout, *config); !asked.ok()) return asked;
  }
  return config;
}

// Its public key. `made` says whether the file is new.
absl::StatusOr<wire::PublicKey> KeyAt(const std::string& path, bool& made) {
  const wire::SecretKey fresh = wire::SecretKey::Generate();
  std::string text = absl::StrCat(fresh.ToBase64(), "\n");
  const absl::Status written = WriteNewFile(path, text, 0600);
  sodium_memzero(text.data(), text.size());
  made = written.ok();
  if (made) return fresh.Public();
  if (!absl::IsAlreadyExists(written)) return written;
  const absl::StatusOr<wire::SecretKey> kept = config::ReadSecretKeyFile(path);
  if (!kept.ok()) return kept.status();
  return kept->Public();
}

std::string Names(const std::vector<InitPort>& ports) {
  return absl::StrJoin(ports, ", ", [](std::string* text, const InitPort& port) {
    absl::StrAppend(text, port.name);
  });
}

// That nothing is lost where the configuration will be.
absl::Status CheckOutput(const InitOptions& options) {
  struct stat info;
  if (lstat(options.output.c_str(), &info) != 0) return absl::OkStatus();
  const std::string path = Plain(options.output);
  if (S_ISDIR(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is a directory, and --output names a file"));
  }
  if (options.force) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat(path, " is there already, and --force replaces it"));
}

absl::Status Init(const InitOptions& options) {
  if (absl::Status ready = wire::InitCrypto(); !ready.ok()) return ready;
  if (options.output.empty()) return absl::InvalidArgumentError("--output: a file is missing");
  // Nothing of it is secret but the key, which has a mode of its own; and warpd may be another user than whose umask
  // this is.
  umask(022);
  absl::StatusOr<InitConfig> config = Gather(options);
  if (!config.ok()) return config.status();
  const bool writes = !config->peers.empty();
  config->private_key_file =
      options.key.empty() ? "private.key" : fs::absolute(options.key).string();
  if (writes) {
    if (absl::Status whole = config->Complete(); !whole.ok()) return whole;
    if (absl::Status free = CheckOutput(options); !free.ok()) return free;
  }
  const std::string key_file =
      (fs::path(options.output).parent_path() / config->private_key_file).string();
  bool made = false;
  const absl::StatusOr<wire::PublicKey> key = KeyAt(key_file, made);
  if (!key.ok()) return key.status();
  const std::string public_key = key->ToBase64();
  for (const InitPeer& peer : config->peers) {
    if (peer.public_key != public_key) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("peer ", peer.name, ": this is this node's own key, of ", key_file));
  }
  std::cout << key_file << ": " << (made ? "written" : "kept") << "\npublic key: " << public_key
            << std::endl;
  if (!writes) {
    std::cout << StepsToAPeer(public_key);
    return absl::OkStatus();
  }
  const absl::Status written =
      (options.force ? ReplaceFile : WriteNewFile)(options.output, config->ToYaml(), 0644);
  if (!written.ok()) return written;
  std::cout << options.output << ": written, with ports " << Names(config->ports) << "\n"
            << NextSteps(LinuxMachine(), *config, options.output, public_key);
  return absl::OkStatus();
}

}  // namespace

int RunInit(const InitOptions& options) {
  const absl::Status status = Init(options);
  if (!status.ok()) return Complain(status.message());
  return std::cout.flush() ? 0 : Complain("cannot write to stdout");
}

}  // namespace warp::tools
