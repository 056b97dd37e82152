#include "tools/doctor/doctor.h"

#include <iostream>

#include "absl/strings/str_cat.h"
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

// What a person types about a configuration that warpd would not read.
std::string NextAbout(const std::string& file) {
  if (!absl::IsNotFound(LinuxMachine().Mode(file).status())) {
    return absl::StrCat("warp check ", ShellWord(file));
  }
  const std::string where =
      file == DoctorOptions().file ? "" : absl::StrCat(" --output ", ShellWord(file));
  return absl::StrCat("warp init", where, " --peer NAME=KEY");
}

// Without a configuration there is nothing to hold the machine against.
Findings Mistakes(const absl::Status& status, const std::string& file) {
  Findings findings;
  for (const absl::string_view line : absl::StrSplit(status.message(), '\n', absl::SkipEmpty())) {
    findings.push_back({Severity::kFailure,
                        Topic::kConfiguration,
                        Plain(std::string(line)),
                        "warpd does not start with it, and nothing else was looked at.",
                        {NextAbout(file)}});
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
  const Facts facts = ReadFacts(LinuxMachine(), *config, file);
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
