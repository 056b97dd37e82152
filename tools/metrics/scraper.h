// Asks a daemon for its status, and makes the text that Prometheus reads of it.
#ifndef WARP_TOOLS_METRICS_SCRAPER_H_
#define WARP_TOOLS_METRICS_SCRAPER_H_

#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace warp::tools {

// One thread.
class Scraper {
 public:
  // The daemon is asked at most so often, however many read the metrics: who asks within this time of the last answer
  // gets that one again.
  static constexpr std::chrono::milliseconds kFresh{200};

  // `socket`: the daemon's control socket. `tell` gets a sentence when the daemon is lost, and when it is back.
  Scraper(std::string socket, std::function<void(absl::string_view)> tell)
      : socket_(std::move(socket)), tell_(std::move(tell)) {}

  // The metrics of now, in the text format of Prometheus. A daemon that has not answered within `patience` counts as
  // lost: the text then says `warp_up 0`.
  std::string Scrape(std::chrono::milliseconds patience);

 private:
  void Tell(const std::string& trouble);

  const std::string socket_;
  const std::function<void(absl::string_view)> tell_;
  std::string text_;
  std::chrono::steady_clock::time_point made_;
  std::string trouble_;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_METRICS_SCRAPER_H_
