#include "map-server/redis/reply.h"

#include <hiredis/read.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace warp::map {

struct ReplyReader::Parser {
  redisReplyObjectFunctions functions{};
  redisReader* reader = nullptr;
};

// What hiredis calls as it reads. An element has its place in its parent from the beginning; a reply is a Reply of its
// own until Take. A null pointer ends the reading.
struct ReplyReader::Objects {
  static Reply* Place(const redisReadTask* task, Reply::Kind kind) {
    Reply* reply;
    if (task->parent == nullptr) {
      reply = new Reply();
    } else {
      auto* parent = static_cast<Reply*>(task->parent->obj);
      reply = &parent->elements[static_cast<size_t>(task->idx)];
    }
    reply->kind = kind;
    return reply;
  }

  static void* String(const redisReadTask* task, char* text, size_t size) {
    Reply* reply = Place(task, task->type == REDIS_REPLY_ERROR    ? Reply::Kind::kError
                               : task->type == REDIS_REPLY_STATUS ? Reply::Kind::kStatus
                                                                  : Reply::Kind::kString);
    reply->text.assign(text, size);
    return reply;
  }
  // `Size` is int in hiredis 0.14, size_t in 1.
  template <typename Size>
  static void* Array(const redisReadTask* task, Size size) {
    size_t& elements = static_cast<ReplyReader*>(task->privdata)->elements_;
    if (static_cast<size_t>(size) > kMaxElements - elements) return nullptr;
    elements += static_cast<size_t>(size);
    Reply* reply = Place(task, Reply::Kind::kArray);
    reply->elements.resize(static_cast<size_t>(size));
    return reply;
  }
  static void* Integer(const redisReadTask* task, long long value) {
    Reply* reply = Place(task, Reply::Kind::kInteger);
    reply->integer = value;
    return reply;
  }
  static void* Nil(const redisReadTask* task) { return Place(task, Reply::Kind::kNil); }
  static void Free(void* reply) { delete static_cast<Reply*>(reply); }

  // hiredis 1 knows the types of RESP 3, for which a map does not ask: they are bad.
  static void* Double(const redisReadTask*, double, char*, size_t) { return nullptr; }
  static void* Bool(const redisReadTask*, int) { return nullptr; }

  template <typename Functions>
  static void Fill(Functions& functions) {
    functions.createString = String;
    functions.createArray = Array;
    functions.createInteger = Integer;
    functions.createNil = Nil;
    functions.freeObject = Free;
    if constexpr (requires { functions.createDouble; }) {
      functions.createDouble = Double;
      functions.createBool = Bool;
    }
  }
};

ReplyReader::ReplyReader() : parser_(std::make_unique<Parser>()) {
  Objects::Fill(parser_->functions);
  parser_->reader = redisReaderCreateWithFunctions(&parser_->functions);
  parser_->reader->privdata = this;
}

ReplyReader::~ReplyReader() { redisReaderFree(parser_->reader); }

void ReplyReader::Feed(absl::string_view bytes) {
  if (bad_) return;
  bytes_ += bytes.size();
  bad_ = redisReaderFeed(parser_->reader, bytes.data(), bytes.size()) != REDIS_OK;
}

ReplyReader::Next ReplyReader::Take(Reply* reply) {
  if (bad_) return Next::kBad;
  void* taken = nullptr;
  if (redisReaderGetReply(parser_->reader, &taken) != REDIS_OK) {
    bad_ = true;
    return Next::kBad;
  }
  if (taken == nullptr) {
    bad_ = bytes_ > kMaxBytes;
    return bad_ ? Next::kBad : Next::kMore;
  }
  elements_ = 0;
  bytes_ = parser_->reader->len - parser_->reader->pos;
  const std::unique_ptr<Reply> owned(static_cast<Reply*>(taken));
  *reply = std::move(*owned);
  return Next::kReply;
}

std::string EncodeCommand(std::span<const absl::string_view> words) {
  std::string command = absl::StrCat("*", words.size(), "\r\n");
  for (const absl::string_view word : words) {
    absl::StrAppend(&command, "$", word.size(), "\r\n", word, "\r\n");
  }
  return command;
}

}  // namespace warp::map
