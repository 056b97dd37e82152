// What redis does in one step for a map, in Lua (EVALSHA): "the highest order wins" where several maps write at once,
// the end of single registrations, and the telling of changes. value.h has the fields that they read and write.
//
// KEYS: the record, and the stream of changes. Times are of redis's own clock.
#ifndef WARP_MAP_SERVER_REDIS_SCRIPTS_H_
#define WARP_MAP_SERVER_REDIS_SCRIPTS_H_

#include <cstddef>
#include <string>
#include <vector>

namespace warp::map {

enum class Script : size_t {
  // ARGV: name, map, most changes, lifetime in ms, field, order, body, most fields.
  // Gives {0, whether there is a list} applied, {1, the value that stands}, {2} too many registrations.
  kPut,
  // ARGV: name, map, most changes, lifetime in ms, order, body. Gives {0} applied, {1} a higher order stands or there
  // is no such record.
  kPutAllow,
  // ARGV: name, map, most changes, port (2 bytes; empty: all), order, body. Gives how many it withdrew.
  kWithdraw,
  // Gives field, value, field, value, ... of what has not expired: of 18 fields at most, which is one more than a map
  // writes, and "" for what is longer than any map's.
  kGet,
};

// In the order of Script.
std::vector<std::string> Scripts();

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_REDIS_SCRIPTS_H_
