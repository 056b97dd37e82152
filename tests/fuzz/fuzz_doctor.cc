// A machine that answers every question of `warp doctor` with the same bytes: files, programs, and a running warpd.
// Whatever they are, the doctor comes to an end, and what it says is for people to read: a terminal obeys none of it.
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/string_view.h"
#include "control/config/node_config.h"
#include "control/config/text/utf8.h"
#include "tests/fuzz/fuzz_target.h"
#include "tools/doctor/check/checks.h"
#include "tools/doctor/read/read_facts.h"
#include "tools/doctor/report.h"
#include "tools/machine/machine.h"

using namespace warp;
using namespace warp::tools;

namespace {

class Parrot : public Machine {
 public:
  explicit Parrot(std::string text) : text_(std::move(text)) {}

  absl::StatusOr<std::string> ReadFile(const std::string&) const override { return text_; }
  absl::StatusOr<std::vector<std::string>> List(const std::string&) const override {
    return std::vector<std::string>{"1", text_, "hugepages-2048kB"};
  }
  absl::StatusOr<std::string> LinkTarget(const std::string&) const override { return text_; }
  absl::StatusOr<mode_t> Mode(const std::string&) const override { return 0100644; }
  absl::StatusOr<FileAccess> Access(const std::string&) const override { return FileAccess(); }
  absl::Status CheckKeyFile(const std::string&) const override {
    return absl::InvalidArgumentError("/k: " + text_);
  }
  absl::StatusOr<std::string> Run(const std::vector<std::string>&) const override { return text_; }
  os::PciFacts Pci(const std::string& address) const override { return {.address = address}; }
  std::optional<bool> ClockSynchronised() const override { return false; }
  uid_t User() const override { return 0; }
  absl::StatusOr<std::vector<wire::IpAddress>> Resolve(const std::string&) const override {
    return absl::NotFoundError(text_);
  }
  absl::StatusOr<std::vector<ServicePlace>> ResolveServices(const std::string&) const override {
    return std::vector<ServicePlace>{{text_, 13116}};
  }
  std::vector<absl::Status> KnockAt(const std::vector<Knock>& knocks) const override {
    return std::vector<absl::Status>(knocks.size(), absl::NotFoundError("Connection refused"));
  }
  absl::StatusOr<std::string> AskStatus(const std::string&) const override { return text_; }

 private:
  const std::string text_;
};

constexpr char kConfig[] = R"(
node: {private_key_file: /k, control_socket: /run/s}
map: [{address: "map.example.net:1", public_key: hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=}]
ports: [{interface: wan0}, {interface: wan1, driver: udp, cpu: 1}, {interface: "eth*"}]
peers:
 - name: b
   public_key: 3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=
   endpoints: ["198.51.100.7:1", "[fe80::1%wan0]:1"]
tunnels:
 - {name: v, id: 1, peer: b, gate: {loopback: {listen: "127.0.0.1:9000"}}}
 - {name: u, id: 2, peer: b, gate: {unix: {path: /run/u}}}
 - {name: t, id: 3, peer: b, gate: {tun: {interface: warp0}}}
)";

const config::NodeConfig& Config() {
  static const auto* const config = new auto(config::ParseNodeConfig(kConfig, "f"));
  WARP_FUZZ_CHECK(config->ok());
  return **config;
}

// A line at most: no control character, those of Latin 1 included.
bool IsHarmless(absl::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7f) return false;
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    if (c == 0xc2 && next >= 0x80 && next < 0xa0) return false;
  }
  return true;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Parrot machine(std::string(reinterpret_cast<const char*>(data), size));
  const Facts facts = ReadFacts(machine, Config());
  const Report report{
      .file = "f", .findings = Check(Config(), facts), .unseen = facts.unseen, .running = true};
  for (const Finding& finding : report.findings) {
    WARP_FUZZ_CHECK(!finding.what.empty() && IsHarmless(finding.what) && IsHarmless(finding.why));
    for (const std::string& command : finding.commands) WARP_FUZZ_CHECK(IsHarmless(command));
  }
  for (const std::string& unseen : report.unseen) WARP_FUZZ_CHECK(IsHarmless(unseen));
  WARP_FUZZ_CHECK(report.wrong());  // its key has an open mode
  WARP_FUZZ_CHECK(nlohmann::json::accept(report.ToJson()));
  WARP_FUZZ_CHECK(!report.ToText().empty());
  return 0;
}
