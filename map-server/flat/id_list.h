// A doubly linked list of things in a Slab, by their numbers. The links are a member of the things themselves.
#ifndef WARP_MAP_SERVER_FLAT_ID_LIST_H_
#define WARP_MAP_SERVER_FLAT_ID_LIST_H_

#include "map-server/flat/slab.h"

namespace warp::map {

struct Links {
  Id previous = kNoId;
  Id next = kNoId;
};

// `kLinks` is the member of T that holds its place in this list. A thing is in one such list at most.
template <typename T, Links T::*kLinks>
class IdList {
 public:
  bool empty() const { return first_ == kNoId; }
  Id first() const { return first_; }
  Id last() const { return last_; }
  static Id Next(const Slab<T>& things, Id id) { return (things[id].*kLinks).next; }

  void PushBack(Slab<T>& things, Id id) {
    things[id].*kLinks = {last_, kNoId};
    (last_ == kNoId ? first_ : (things[last_].*kLinks).next) = id;
    last_ = id;
  }
  void Remove(Slab<T>& things, Id id) {
    Links& links = things[id].*kLinks;
    (links.previous == kNoId ? first_ : (things[links.previous].*kLinks).next) = links.next;
    (links.next == kNoId ? last_ : (things[links.next].*kLinks).previous) = links.previous;
    links = {};
  }
  void MoveToBack(Slab<T>& things, Id id) {
    if (id == last_) return;
    Remove(things, id);
    PushBack(things, id);
  }

 private:
  Id first_ = kNoId;
  Id last_ = kNoId;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_FLAT_ID_LIST_H_
