// A redis of a few commands in virtual time: what the map asks, as its scripts would do it. Tests stop it, make it
// forget, and let it answer nonsense.
#ifndef WARP_TESTS_MAP_SERVER_REDIS_FAKE_REDIS_H_
#define WARP_TESTS_MAP_SERVER_REDIS_FAKE_REDIS_H_

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "map-server/redis/reply.h"
#include "map-server/redis/transport.h"
#include "map-server/redis/value.h"

namespace warp::map {

using namespace std::chrono_literals;  // NOLINT: for 100ms
using wire::Instant;

inline std::string Bulk(absl::string_view text) {
  return absl::StrCat("$", text.size(), "\r\n", text, "\r\n");
}
inline std::string Array(const std::vector<std::string>& elements) {
  std::string text = absl::StrCat("*", elements.size(), "\r\n");
  for (const std::string& element : elements) text += element;
  return text;
}
inline std::string Number(int64_t number) { return absl::StrCat(":", number, "\r\n"); }

class FakeRedis {
 public:
  using Command = std::vector<std::string>;

  bool accepts = true;  // connections
  bool answers = true;  // false: as a process that is stopped
  std::string role = "master";
  std::string run = "first";
  std::string password;
  size_t scripts_per_turn = SIZE_MAX;  // a slow one
  // Where set, gives what is answered instead; "" for nothing of its own.
  std::function<std::string(const Command&)> instead;

  std::vector<Command> asked;
  std::vector<std::string> connected;  // addresses
  std::map<std::string, std::map<std::string, std::string>> records;
  std::vector<std::pair<std::string, std::string>> changes;  // name, map

  MakeTransport Make() {
    return [this](Transport::Events events) {
      return std::make_unique<Stream>(*this, std::move(events));
    };
  }
  // Lets all streams go on, until nothing happens any more.
  void Run(Instant now) {
    scripts_run_ = 0;
    for (bool more = true; more;) {
      more = false;
      for (size_t i = 0; i < streams_.size(); ++i) more = streams_[i]->Turn(now) || more;
    }
  }
  void Kill() {
    accepts = false;
    for (Stream* stream : streams_) stream->broken = true;
  }
  // Another life, without what it had.
  void StartEmpty(const std::string& life) {
    accepts = true;
    run = life;
    records.clear();
    changes.clear();
  }
  size_t Count(const std::string& word) const {
    return static_cast<size_t>(
        std::count_if(asked.begin(), asked.end(), [&](const Command& c) { return c[0] == word; }));
  }

 private:
  static constexpr size_t kPiece = 16384;

  struct Stream : Transport {
    Stream(FakeRedis& owner, Events e) : redis(owner), events(std::move(e)) {
      redis.streams_.push_back(this);
    }
    ~Stream() override { std::erase(redis.streams_, this); }
    void Connect(const std::string& to) override {
      Close();
      connecting = true;
      redis.connected.push_back(to);
    }
    void Send(absl::string_view bytes) override { reader->Feed(bytes); }
    void Close() override {
      connecting = open = broken = false;
      blocked.clear();
      reader = std::make_unique<ReplyReader>();
      scripts = 0;
      ++attempt;
    }
    size_t unsent() const override { return 0; }

    bool Turn(Instant now) {
      if (std::exchange(connecting, false)) {
        open = redis.accepts;
        if (open) {
          events.opened(now);
        } else {
          events.closed(now, "Connection refused");
        }
        return true;
      }
      if (open && broken) {
        open = false;
        events.closed(now, "it closed the connection");
        return true;
      }
      if (!open || !redis.answers) return false;
      std::string out;
      if (!blocked.empty()) {
        out = redis.Changes(blocked);
        if (out.empty()) return false;
        blocked.clear();
      } else {
        if (redis.scripts_run_ >= redis.scripts_per_turn) return false;
        Reply command;
        if (reader->Take(&command) != ReplyReader::Next::kReply) return false;
        Command words;
        for (const Reply& word : command.elements) words.push_back(word.text);
        redis.asked.push_back(words);
        if (words[0] == "EVALSHA") ++redis.scripts_run_;
        out = redis.instead ? redis.instead(words) : "";
        if (out.empty()) out = redis.Execute(words, *this);
        if (out.empty()) return true;
      }
      // In pieces, as the network brings them.
      const uint64_t connection = attempt;
      for (absl::string_view rest = out; !rest.empty() && attempt == connection;
           rest.remove_prefix(std::min(rest.size(), kPiece)))
        events.received(now, rest.substr(0, kPiece));
      return true;
    }

    FakeRedis& redis;
    const Events events;
    bool connecting = false, open = false, broken = false;
    int scripts = 0;
    uint64_t attempt = 0;
    Command blocked;  // an XREAD that waits
    std::unique_ptr<ReplyReader> reader = std::make_unique<ReplyReader>();
  };

  std::string Entry(size_t number) const {
    const auto& [name, map] = changes[number];
    return Array({Bulk(absl::StrCat(number + 1, "-0")),
                  Array({Bulk("n"), Bulk(name), Bulk("m"), Bulk(map)})});
  }
  std::string Changes(const Command& read) const {
    const size_t from = std::stoul(read.back());
    if (from >= changes.size()) return "";
    std::vector<std::string> entries;
    for (size_t i = from; i < changes.size(); ++i) entries.push_back(Entry(i));
    return Array({Array({Bulk(read[6]), Array(entries)})});
  }
  std::string Execute(const Command& command, Stream& stream) {
    const std::string& word = command[0];
    if (word == "AUTH")
      return command.back() == password ? "+OK\r\n" : "-WRONGPASS invalid password\r\n";
    if (word == "SCRIPT") return Bulk(absl::StrCat(stream.scripts++));
    if (word == "INFO")
      return Bulk(absl::StrCat("# x\r\nrole:", role, "\r\nrun_id:", run, "\r\nloading:0\r\n"));
    if (word == "TIME") return Array({Bulk("0"), Bulk(absl::StrCat(1000 * changes.size()))});
    if (word == "XRANGE") return changes.empty() ? "*0\r\n" : Array({Entry(0)});
    if (word == "XREVRANGE") return changes.empty() ? "*0\r\n" : Array({Entry(changes.size() - 1)});
    if (word == "XREAD") {
      const std::string now = Changes(command);
      if (now.empty()) stream.blocked = command;
      return now;
    }
    if (word == "EVALSHA") return Script(command);
    return "-ERR unknown command\r\n";
  }
  // KEYS from 3 on, ARGV from 5 on: scripts.h.
  std::string Script(const Command& c) {
    auto& record = records[c[3]];
    const auto tell = [&] { changes.emplace_back(c[5], c[6]); };
    if (c[1] == "0") {
      const std::string& field = c[9];
      const auto it = record.find(field);
      if (it != record.end() && it->second.substr(0, 16) >= c[10])
        return Array({Number(1), Bulk(it->second)});
      const bool changed = it == record.end() || it->second.substr(24, 9) != c[11].substr(0, 9);
      record[field] = absl::StrCat(c[10], std::string(8, 'x'), c[11]);
      if (changed) tell();
      return Array({Number(0), Number(record.contains("a") ? 1 : 0)});
    }
    if (c[1] == "1") {
      record["a"] = absl::StrCat(c[9], std::string(8, '\0'), c[10]);
      tell();
      return Array({Number(0)});
    }
    if (c[1] == "2") {
      int64_t withdrawn = 0;
      for (auto& [field, value] : record) {
        if (field[0] != 'r' || (!c[8].empty() && field.substr(1, 2) != c[8])) continue;
        if (value.substr(0, 16) >= c[9]) continue;
        value = absl::StrCat(c[9], value.substr(16, 8), c[10]);
        ++withdrawn;
      }
      if (c[11] == "1") withdrawn += static_cast<int64_t>(record.erase("a"));
      if (withdrawn > 0) tell();
      return Number(withdrawn);
    }
    std::vector<std::string> all;
    for (const auto& [field, value] : record) {
      all.push_back(Bulk(field));
      all.push_back(Bulk(value));
    }
    return Array(all);
  }

  std::vector<Stream*> streams_;
  size_t scripts_run_ = 0;  // in this turn
};

}  // namespace warp::map

#endif  // WARP_TESTS_MAP_SERVER_REDIS_FAKE_REDIS_H_
