// Findings for people and for programs.
#ifndef WARP_TOOLS_DOCTOR_REPORT_H_
#define WARP_TOOLS_DOCTOR_REPORT_H_

#include <string>
#include <vector>

#include "tools/doctor/check/finding.h"

namespace warp::tools {

struct Report {
  std::string file;   // the configuration
  Findings findings;  // the most important first
  std::vector<std::string> unseen;
  bool running = false;  // a warpd answers

  // Something is wrong: there is more than notes.
  bool wrong() const;
  // With each command behind "$ ", which a terminal's user may copy.
  std::string ToText() const;
  // One object: docs/operations.md has its members.
  std::string ToJson() const;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_DOCTOR_REPORT_H_
