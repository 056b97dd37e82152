// The commands of `warp` other than gauge. Each takes its options, writes to stdout, complains on stderr in one line
// that begins with "warp: ", and returns the exit status: 0, or 1 where something is wrong (RunRun: the application's).
#ifndef WARP_TOOLS_COMMAND_COMMANDS_H_
#define WARP_TOOLS_COMMAND_COMMANDS_H_

#include <string>
#include <vector>

namespace warp::tools {

// Writes a new private key. Warns when stdout is a file that others may read, which warpd would refuse.
int RunKeygen();
// Writes the public key of the private key on stdin.
int RunPubkey();

struct CheckOptions {
  std::string file;
  bool map = false;      // the file configures warp-map; otherwise its keys decide
  bool no_keys = false;  // do not read the key files it names, nor ask this machine for its CPUs
};
// Writes one line "FILE:LINE: KEY: what is wrong" to stderr for each mistake.
int RunCheck(const CheckOptions& options);

struct ExampleConfigOptions {
  bool map = false;
  bool reference = false;  // the tables of docs/config.md instead
};
int RunExampleConfig(const ExampleConfigOptions& options);

struct StatusOptions {
  std::string socket = "/run/warp/warpd.sock";
  bool details = false;  // tables of everything, instead of one screen
  bool json = false;
  double watch = 0;  // seconds between repetitions; 0: once
};
int RunStatus(const StatusOptions& options);

struct TunnelOptions {
  std::string name;                  // of a tunnel; empty: all of them
  std::vector<std::string> changes;  // "order=100ms"; empty: only show
  std::string socket = "/run/warp/warpd.sock";
  bool json = false;
};
// Changes a running tunnel, and shows how it uses the paths of its peer from then on.
int RunTunnel(const TunnelOptions& options);

struct CapOptions {
  std::string port;   // empty: all that have a cap
  std::string bytes;  // what counts as carried: "12.5GB"; empty: only show
  std::string socket = "/run/warp/warpd.sock";
  bool json = false;
};
// Shows what ports with a data cap have carried in this period, and corrects it.
int RunCap(const CapOptions& options);

struct RunOptions {
  std::string gate;  // the name of a tunnel; empty where `path` is set
  std::string path;  // the socket file of the gate
  // The configuration of warpd in which the name is looked up. If it is empty, the daemon at `socket` is asked.
  std::string config;
  std::string socket = "/run/warp/warpd.sock";
  std::vector<std::string> command;
};
// Runs a command whose blocking sends into the gate return once the payload was sent (run.h). Returns its exit status.
int RunRun(const RunOptions& options);

}  // namespace warp::tools

#endif  // WARP_TOOLS_COMMAND_COMMANDS_H_
