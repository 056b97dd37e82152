// `warp metrics`: the metrics of a running daemon for Prometheus, until it is interrupted.
//
// It is a process of its own, so that whoever reads metrics, and whatever an HTTP client does, stays out of warpd. It
// needs no privilege but to connect to the control socket, and only ever asks it for the status.
#ifndef WARP_TOOLS_METRICS_METRICS_H_
#define WARP_TOOLS_METRICS_METRICS_H_

#include <string>

namespace warp::tools {

struct MetricsOptions {
  std::string socket = "/run/warp/warpd.sock";  // of warpd or of warp-map
  std::string listen = "127.0.0.1:9116";        // or unix:PATH
  std::string token_file;                       // may be empty, as Door::Open has it
  bool allow_remote =
      false;  // without a token, whoever reaches the address may read, whatever it is
};

// Returns the exit status. Complains of what is wrong; a daemon that is away is none of it.
int RunMetrics(const MetricsOptions& options);

}  // namespace warp::tools

#endif  // WARP_TOOLS_METRICS_METRICS_H_
