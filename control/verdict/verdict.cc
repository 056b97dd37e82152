#include "control/verdict/verdict.h"

namespace warp::verdict {
namespace {

double Share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

double CopiesOf(const LinkTotals& all) { return Share(all.first + all.duplicates, all.first); }

Verdict Judge(const LinkTotals& link, const LinkTotals& all) {
  Verdict verdict{.first_share = Share(link.first, all.first),
                  .sole_share = Share(link.sole, all.first)};
  if (const std::optional<uint64_t> skew = lcore::MedianOf(link.skew)) {
    verdict.skew = std::chrono::nanoseconds(*skew);
  }
  return verdict;
}

}  // namespace warp::verdict
