#include "tools/doctor/doctor.h"

#include <unistd.h>

#include <iostream>

#include "absl/strings/str_split.h"
#include "control/config/node_config.h"
#include "dataplane/wire/crypto/keys.h"
#include "tools/doctor/check/checks.h"
#include "tools/doctor/read/read_facts.h"
#include "tools/doctor/report.h"
#include "tools/machine/linux_machine.h"
#include "tools/terminal/complain.h"
#include "tools/terminal/plain.h"
#include "tools/terminal/shell_word.h"

namespace warp::tools {
namespace {

// Without a configuration there is nothing to hold the machine against.
Findings Mistakes(const absl::Status& status, const std::string& file) {
  Findings findings;
  // A file that does not exist has no mistakes to look at.
  const bool none = access(file.c_str(), F_OK) != 0;
  const std::string next = none ? std::string("warp init") : "warp check " + ShellWord(file);
  for (const absl::string_view line : absl::StrSplit(status.message(), '\n', absl::SkipEmpty())) {
    findings.push_back({Severity::kFailure,
                        Topic::kConfiguration,
                        Plain(std::string(line)),
                        "warpd does not start with it, and nothing else was looked at.",
                        {next}});
  }
  return findings;
}

Report Examine(const std::string& file) {
  Report report{.file = file};
  // Keys have a check of their own, which knows what an ordinary user may see.
  const auto config = config::LoadNodeConfig(file, config::KeyFiles::kIgnore);
  if (!config.ok()) {
    report.findings = Mistakes(config.status(), file);
    return report;
  }
  const Facts facts = ReadFacts(LinuxMachine(), *config);
  report.findings = Check(*config, facts);
  report.unseen = facts.unseen;
  report.running = !facts.status.is_null();
  return report;
}

}  // namespace

int RunDoctor(const DoctorOptions& options) {
  if (absl::Status ready = wire::InitCrypto(); !ready.ok()) return Complain(ready.message());
  const Report report = Examine(options.file);
  std::cout << (options.json ? report.ToJson() : report.ToText()) << std::flush;
  if (!std::cout) return Complain("cannot write to stdout");
  return report.wrong() ? 1 : 0;
}

}  // namespace warp::tools
