// `warp doctor`: what this machine lacks for a configuration, and what to do about it.
#ifndef WARP_TOOLS_DOCTOR_DOCTOR_H_
#define WARP_TOOLS_DOCTOR_DOCTOR_H_

#include <string>

namespace warp::tools {

struct DoctorOptions {
  std::string file = "/etc/warp/warpd.yaml";
  bool json = false;
};

// Looks, and changes nothing. Writes what it finds to stdout, the most important first. Returns 1 if anything is wrong,
// a mistake in the file included, and else 0.
int RunDoctor(const DoctorOptions& options);

}  // namespace warp::tools

#endif  // WARP_TOOLS_DOCTOR_DOCTOR_H_
