// Registrations that several maps share, in a redis server.
//
//   a node here ── register, allow, withdraw ──► MemoryStore: limits, shares, order, expiry, as without redis
//                                                  └──► redis, which applies "the highest order wins" among all maps
//   whoever asks ── look-up ──► redis, and where it is away, or knows nothing yet: what registered here
//   other maps ── changes ──► ChangeFeed ──► the record ──► Changed: the registry tells the nodes here
//
// A register is answered when redis has answered, is given up, or takes too long. What redis has not taken is
// `unsaved`: it is put again when redis is back, and everything is where redis has begun another life. The memory for
// that is the MemoryStore's, which is bounded; questions are bounded by the Link. A look-up of what did not register
// here is lost while redis is away, and counted: its node asks again.
//
// Pure: bytes by a Transport, the time as a parameter. Transport events leave completions, as all answers do.
#ifndef WARP_MAP_SERVER_REDIS_REDIS_STORE_H_
#define WARP_MAP_SERVER_REDIS_REDIS_STORE_H_

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "map-server/redis/change_feed.h"
#include "map-server/redis/link.h"
#include "map-server/redis/scripts.h"
#include "map-server/redis/shared_record.h"
#include "map-server/redis/value.h"
#include "map-server/store/memory_store.h"

namespace warp::map {

class RedisStore : public Store {
 public:
  struct Options {
    MemoryStore::Limits limits;
    Link::Options link;  // its scripts are added here
    std::string prefix;
  };
  RedisStore(const Options& options, const wire::SecretKey& map_key, const MakeTransport& make);

  void Get(const KeyId& id, Found found) override;
  void GetHere(const KeyId& id, Found found) override;
  void GetAllowed(KeyTag tag, Found found) override;
  void PutRegistration(const wire::PublicKey& key, const KeyId& id, Registration registration,
                       PutDone done) override;
  void Withdraw(Instant now, const KeyId& id, uint16_t port, Order order) override;
  void PutAllow(const KeyId& id, const AllowDigest& digest, std::vector<KeyId> ids,
                AllowDone done) override;
  void Forget(const KeyId& id) override;
  void Expire(Instant now) override;
  Instant NextTimeout() const override;
  uint64_t registrations() const override { return here_.registrations(); }
  bool Show(const KeyId& id, See see) const override { return here_.Show(id, see); }
  bool ShowAt(Id number, See see) const override { return here_.ShowAt(number, see); }
  Id shown_end() const override { return here_.shown_end(); }

  const Link& link() const { return link_; }
  const ChangeFeed& feed() const { return feed_; }
  struct Counts {
    uint64_t unsaved = 0;         // records that redis has not got as they are here
    uint64_t questions_lost = 0;  // redis was away, or had as many waiting as may be
    uint64_t values_foreign = 0;  // no map with this key wrote them, or of another version
    uint64_t writes_refused = 0;  // redis answered with an error
    uint64_t changes = 0;         // by other maps
    uint64_t changes_missed = 0;  // times after which nodes were told to look their peers up
  };
  Counts counts() const;

 private:
  // The place of a registration.
  struct StoredPlace {
    wire::PublicKey key;
    KeyId id;
    uint16_t port = 0;
    bool v6 = false;
  };

  void CompleteHere();
  void OnUp(Instant now, const std::string& run);

  std::string KeyOf(const RecordName& name) const;
  bool Run(Instant now, Script script, const RecordName& name,
           std::initializer_list<absl::string_view> arguments, Link::Done done);
  bool AskRecord(Instant now, const RecordName& name, Link::Done done);
  bool Save(Instant now, const wire::PublicKey& key, const StoredRegistration& registration,
            Link::Done done);
  void SaveList(Instant now, const KeyId& id);
  void SaveRecord(Instant now, const Record& record);
  // `done` is null where it has been answered.
  void AnswerPut(Instant now, const StoredPlace& place, const Reply* reply, PutDone done);
  void AnswerPutHere(Instant now, const KeyId& id, const PutDone& done) const;
  void AnswerPutsHere(Instant now);
  void AnswerHere(Instant now, const KeyId& id, const Found& found);
  // `lists`: what becomes of the allow list in redis.
  enum class Lists : uint8_t { kStay, kEnd };
  bool WithdrawShared(Instant now, const wire::PublicKey& key, uint16_t port, const Order& order,
                      Lists lists = Lists::kStay);
  // Whether redis has taken a write. Otherwise the record is unsaved.
  bool Taken(Instant now, Script script, const KeyId& id, const Reply* reply);
  void SetUnsaved(const KeyId& id);
  void SetAllUnsaved();

  void OnChanged(Instant now, const RecordName& name);
  void Pump(Instant now);
  void SaveSome(Instant now);
  void ReadSome(Instant now);
  void OnRecord(Instant now, const RecordName& name, Reply* reply);
  void MissChanges(Instant now);
  void TellMissed(Instant now);
  void SweepLists();

  // A list that stands here, by its keys: a MemoryStore has them as tags of this process.
  struct List {
    wire::PublicKey key;
    Order order;
    NamedList named;
  };

  const size_t most_unsaved_;
  const std::string prefix_;
  const std::string stream_;
  const std::string map_;  // a random name of this process
  const ValueCodec codec_;
  const Nobody nobody_;
  MemoryStore here_;
  std::map<KeyId, List> lists_;
  KeyId swept_;  // lists up to this one were looked at
  Instant next_sweep_{};

  // Registers that redis has been asked about, the oldest first, and some that are answered: their `done` is null.
  struct WaitingPut {
    Instant deadline;
    KeyId id;
    std::shared_ptr<PutDone> done;
  };
  std::deque<WaitingPut> puts_;

  std::string run_;
  std::set<KeyId> unsaved_;
  Id save_from_ = 0;  // all records from this place of here_ on are unsaved, below save_end_
  Id save_end_ = 0;
  Instant next_save_{};           // not before, after an error of redis's
  std::set<RecordName> changed_;  // to be read
  size_t under_way_ = 0;          // questions of SaveSome and ReadSome
  bool missed_ = false;           // to be told, not before next_missed_
  Instant next_missed_{};
  SharedRecord shared_;
  mutable Counts counts_;

  ChangeFeed feed_;
  Link link_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_REDIS_REDIS_STORE_H_
