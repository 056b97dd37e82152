#include "tools/metrics/scraper.h"

#include <prometheus/text_serializer.h>

#include "absl/strings/str_cat.h"
#include "tools/ask/status_client.h"
#include "tools/metrics/exposition.h"

namespace warp::tools {

std::string Scraper::Scrape(std::chrono::milliseconds patience) {
  using std::chrono::steady_clock;
  if (!text_.empty() && steady_clock::now() - made_ < kFresh) return text_;
  const Exposition exposition = Expose(AskDaemon(socket_, "status", patience));
  Tell(exposition.trouble);
  text_ = prometheus::TextSerializer().Serialize(exposition.families);
  made_ = steady_clock::now();
  return text_;
}

void Scraper::Tell(const std::string& trouble) {
  if (trouble == trouble_) return;
  if (!trouble.empty()) {
    tell_(trouble);
  } else {
    tell_(absl::StrCat("the daemon at ", socket_, " answers again"));
  }
  trouble_ = trouble;
}

}  // namespace warp::tools
