#include "dataplane/wire/drop.h"

namespace warp::wire {

absl::string_view DropName(Drop drop) {
  switch (drop) {
#define WARP_DROP_CASE(enumerator, name, meaning) \
  case Drop::enumerator:                          \
    return name;
    WARP_DROPS(WARP_DROP_CASE)
#undef WARP_DROP_CASE
    case Drop::kNone:
      break;
  }
  return "invalid";
}

absl::string_view DropMeaning(Drop drop) {
  switch (drop) {
#define WARP_DROP_CASE(enumerator, name, meaning) \
  case Drop::enumerator:                          \
    return meaning;
    WARP_DROPS(WARP_DROP_CASE)
#undef WARP_DROP_CASE
    case Drop::kNone:
      break;
  }
  return "not a reason";
}

}  // namespace warp::wire
