// Reads any bytes as the history of a node's links, once as they are and once with a right digest behind them, since
// whoever may write the file can compute one. What is accepted must be bounded, in order, and written again as it was.
#include <sodium.h>

#include <string>

#include "control/history/history_file.h"
#include "tests/fuzz/fuzz_target.h"

using namespace warp::history;

namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'796'034'731);

void Check(const std::string& bytes) {
  const absl::StatusOr<std::vector<Link>> links = ParseHistory(bytes, {});
  if (!links.ok()) {
    WARP_FUZZ_CHECK(!links.status().message().empty());
    return;
  }
  WARP_FUZZ_CHECK(links->size() <= History::kMostLinks);
  for (const Link& link : *links) {
    WARP_FUZZ_CHECK(!link.port.empty());
    for (size_t by = 0; by < kBys; ++by) {
      WARP_FUZZ_CHECK(link.records[by].size() <= kKept[by]);
      for (size_t i = 1; i < link.records[by].size(); ++i) {
        WARP_FUZZ_CHECK(link.records[by][i - 1].begin < link.records[by][i].begin);
      }
    }
  }
  const auto again = ParseHistory(WriteHistory({}, kNow, *links), {});
  WARP_FUZZ_CHECK(again.ok() && *again == *links);
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  Check(bytes);
  uint8_t digest[32];
  crypto_generichash(digest, sizeof(digest), data, size, nullptr, 0);
  Check(bytes.append(reinterpret_cast<const char*>(digest), sizeof(digest)));
  return 0;
}
