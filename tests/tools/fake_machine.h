// A machine that a test makes up: what is not said is not there.
#ifndef WARP_TESTS_TOOLS_FAKE_MACHINE_H_
#define WARP_TESTS_TOOLS_FAKE_MACHINE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "tools/machine/machine.h"

namespace warp::tools {

class FakeMachine : public Machine {
 public:
  std::map<std::string, absl::StatusOr<std::string>> files;
  std::map<std::string, std::string> links;
  std::map<std::string, mode_t> modes;
  std::map<std::string, std::pair<uid_t, gid_t>> owners;  // without an entry: root
  std::map<std::string, absl::Status> keys;
  std::map<std::string, absl::StatusOr<std::string>> programs;  // by their words, parted by spaces
  std::map<std::string, os::PciFacts> cards;
  std::map<std::string, absl::StatusOr<std::vector<wire::IpAddress>>> names;
  std::map<std::string, absl::StatusOr<std::vector<ServicePlace>>> services;
  std::map<std::string, absl::Status> knocks;  // by "INTERFACE ADDRESS:PORT"; without an entry: OK
  std::map<std::string, std::string> daemons;
  std::optional<bool> clock = true;
  uid_t user = 0;
  mutable std::vector<std::string> ran;

  absl::StatusOr<std::string> ReadFile(const std::string& path) const override {
    return Find(files, path);
  }
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) const override {
    std::vector<std::string> found;
    const auto note = [&](const std::string& name) {
      if (name.rfind(path + "/", 0) != 0) return;
      const std::string rest = name.substr(path.size() + 1);
      const std::string entry = rest.substr(0, rest.find('/'));
      if (found.empty() || found.back() != entry) found.push_back(entry);
    };
    for (const auto& [name, text] : files) note(name);
    for (const auto& [name, target] : links) note(name);
    if (found.empty()) return absl::NotFoundError("No such file or directory");
    return found;
  }
  absl::StatusOr<std::string> LinkTarget(const std::string& path) const override {
    return FindPlain(links, path);
  }
  absl::StatusOr<mode_t> Mode(const std::string& path) const override {
    return FindPlain(modes, path);
  }
  absl::StatusOr<FileAccess> Access(const std::string& path) const override {
    const absl::StatusOr<mode_t> mode = Mode(path);
    if (!mode.ok()) return mode.status();
    const auto owner = owners.find(path);
    const auto [own_user, own_group] =
        owner == owners.end() ? std::pair<uid_t, gid_t>() : owner->second;
    return FileAccess{.mode = *mode, .user = own_user, .group = own_group};
  }
  absl::Status CheckKeyFile(const std::string& path) const override {
    const auto found = keys.find(path);
    return found == keys.end() ? absl::InvalidArgumentError(path + ": No such file or directory")
                               : found->second;
  }
  absl::StatusOr<std::string> Run(const std::vector<std::string>& words) const override {
    ran.push_back(absl::StrJoin(words, " "));
    return Find(programs, ran.back());
  }
  os::PciFacts Pci(const std::string& address) const override {
    const auto found = cards.find(address);
    return found == cards.end() ? os::PciFacts{.address = address} : found->second;
  }
  std::optional<bool> ClockSynchronised() const override { return clock; }
  uid_t User() const override { return user; }
  absl::StatusOr<std::vector<wire::IpAddress>> Resolve(const std::string& host) const override {
    return Find(names, host);
  }
  absl::StatusOr<std::vector<ServicePlace>> ResolveServices(
      const std::string& name) const override {
    const auto found = services.find(name);
    return found == services.end() ? absl::NotFoundError("no records") : found->second;
  }
  std::vector<absl::Status> KnockAt(const std::vector<Knock>& at) const override {
    std::vector<absl::Status> results;
    for (const Knock& knock : at) {
      const auto found = knocks.find(knock.interface + " " + knock.to.ToString());
      results.push_back(found == knocks.end() ? absl::OkStatus() : found->second);
    }
    return results;
  }
  absl::StatusOr<std::string> AskStatus(const std::string& socket) const override {
    return FindPlain(daemons, socket);
  }

 private:
  template <typename T>
  static absl::StatusOr<T> Find(const std::map<std::string, absl::StatusOr<T>>& all,
                                const std::string& key) {
    const auto found = all.find(key);
    return found == all.end() ? absl::NotFoundError("No such file or directory") : found->second;
  }
  template <typename T>
  static absl::StatusOr<T> FindPlain(const std::map<std::string, T>& all, const std::string& key) {
    const auto found = all.find(key);
    if (found == all.end()) return absl::NotFoundError("No such file or directory");
    return found->second;
  }
};

}  // namespace warp::tools

#endif  // WARP_TESTS_TOOLS_FAKE_MACHINE_H_
