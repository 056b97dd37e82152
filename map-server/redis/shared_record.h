// A record as redis has it, made of its fields. Whatever is no field that a map with this key wrote there is left out
// and counted; the rest counts, so that a stranger in the database can take away, and not lead astray.
#ifndef WARP_MAP_SERVER_REDIS_SHARED_RECORD_H_
#define WARP_MAP_SERVER_REDIS_SHARED_RECORD_H_

#include <cstdint>

#include "map-server/record.h"
#include "map-server/redis/reply.h"
#include "map-server/redis/value.h"

namespace warp::map {

// Made once and filled again and again: its rows take some time to make.
class SharedRecord {
 public:
  // The answer of Script::kGet about the record of this name. `foreign` grows by the values that are not ours.
  void Fill(const ValueCodec& codec, const RecordName& name, const Reply& reply, uint64_t* foreign);
  // A record of one registration, of which the order is known.
  void FillStanding(const wire::PublicKey& key, uint16_t port, bool v6, const Order& order);

  // nullptr where it has no registration. Valid until the next Fill.
  const Record* record() const { return stored_.first == kNoId ? nullptr : &record_; }

 private:
  void Clear();
  void Add(const ValueCodec::Opened& opened);

  StoredRecord stored_;
  Slab<StoredRegistration> registrations_;
  const Record record_{stored_, registrations_};
  Id last_ = kNoId;
};

// A record like most, to be read in the place of one that is not there: so nobody learns by the time of an answer
// whether there is one.
struct Nobody {
  static Nobody Of(const ValueCodec& codec);

  RecordName name;
  Reply fields;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_REDIS_SHARED_RECORD_H_
