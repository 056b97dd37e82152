// What a redis server says (RESP 2, https://redis.io/docs/reference/protocol-spec), and how it is asked.
//
//   bytes ──► ReplyReader, hiredis inside ──► Reply, one after the other
//         ──► anything that is no RESP, or larger than any answer to what a map asks ──► bad, for good
//
// hiredis reads the protocol, and objects and limits are ours: its own objects would follow a length of two thousand
// million elements into as much memory.
#ifndef WARP_MAP_SERVER_REDIS_REPLY_H_
#define WARP_MAP_SERVER_REDIS_REPLY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace warp::map {

struct Reply {
  enum class Kind : uint8_t { kNil, kInteger, kString, kStatus, kError, kArray };

  Kind kind = Kind::kNil;
  int64_t integer = 0;
  std::string text;  // of strings, status lines and errors
  std::vector<Reply> elements;

  bool is_error() const { return kind == Kind::kError; }
  bool is_array(size_t size) const { return kind == Kind::kArray && elements.size() == size; }
};

class ReplyReader {
 public:
  // Of one reply. An answer of a map's key is 40 KiB at most, a batch of changes 64 KiB.
  static constexpr size_t kMaxBytes = size_t{1} << 20;
  static constexpr size_t kMaxElements = 16384;

  ReplyReader();
  ~ReplyReader();
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  void Feed(absl::string_view bytes);

  enum class Next : uint8_t { kReply, kMore, kBad };
  // kBad stays: the connection has no more to say.
  Next Take(Reply* reply);

 private:
  struct Objects;
  struct Parser;

  const std::unique_ptr<Parser> parser_;
  size_t elements_ = 0;  // of the reply under way
  size_t bytes_ = 0;     // that came since the last whole reply
  bool bad_ = false;
};

// One command, as an array of strings.
std::string EncodeCommand(std::span<const absl::string_view> words);

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_REDIS_REPLY_H_
