#include "map-server/store/shares.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "map-server/constants.h"

namespace warp::map {
namespace {

size_t Rank(int64_t excess) { return static_cast<size_t>(std::max<int64_t>(excess, 0)); }

}  // namespace

int64_t Shares::Share::excess() const {
  return int64_t{allow} - static_cast<int64_t>(kAllowPerRegistration) * count;
}

Id Shares::Get(Network network) {
  Id share = by_network_.Find(network);
  if (share != kNoId) return share;
  share = shares_.Make();
  shares_[share].network = network;
  by_network_.Add(share);
  return share;
}

void Shares::Change(Id id, int registrations, int64_t allow) {
  Share& share = shares_[id];
  const size_t count = share.count;
  const size_t excess = Rank(share.excess());
  share.count = static_cast<uint32_t>(share.count + registrations);
  share.allow = static_cast<uint32_t>(share.allow + allow);
  by_count_.Move(shares_, id, count, share.count);
  by_excess_.Move(shares_, id, excess, Rank(share.excess()));
  count_ += static_cast<size_t>(registrations);  // wraps to less
  allow_ += static_cast<size_t>(allow);
  if (share.count > 0 || share.allow > 0) return;
  by_network_.Remove(id);
  shares_.Free(id);
}

void Shares::Add(Id registration) {
  const Id share = Get(NetworkOf(registrations_[registration].observed.address));
  registrations_[registration].network = share;
  shares_[share].registrations.PushBack(registrations_, registration);
  Change(share, 1, 0);
}

void Shares::Remove(Id registration) {
  const Id share = std::exchange(registrations_[registration].network, kNoId);
  shares_[share].registrations.Remove(registrations_, registration);
  Change(share, -1, 0);
}

void Shares::AddList(Id id) {
  StoredRecord& record = records_[id];
  assert(record.allow_network == kNoId);
  if (record.allow.size() == 0) return;
  record.allow_network = registrations_[record.first].network;
  if (record.allow.is_long()) shares_[record.allow_network].long_lists.PushBack(records_, id);
  Change(record.allow_network, 0, static_cast<int64_t>(record.allow.size()));
}

void Shares::RemoveList(Id id) {
  StoredRecord& record = records_[id];
  const Id share = std::exchange(record.allow_network, kNoId);
  if (share == kNoId) return;
  if (record.allow.is_long()) shares_[share].long_lists.Remove(records_, id);
  Change(share, 0, -static_cast<int64_t>(record.allow.size()));
}

void Shares::ChargeAnew(Id id) {
  const StoredRecord& record = records_[id];
  if (record.allow_network == kNoId) return;
  if (registrations_[record.first].network == record.allow_network) return;
  RemoveList(id);
  AddList(id);
}

Id Shares::Heaviest(Network newcomer) const {
  const Id heaviest = by_count_.Top();
  if (heaviest == kNoId) return kNoId;
  const Id own = by_network_.Find(newcomer);
  const size_t then = (own == kNoId ? 0 : shares_[own].count) + 1;
  return shares_[heaviest].count <= then ? kNoId : shares_[heaviest].registrations.last();
}

Id Shares::LargestExcess(Network newcomer, size_t ids) const {
  const Id most = by_excess_.Top();
  if (most == kNoId || shares_[most].network == newcomer) return kNoId;
  const Id own = by_network_.Find(newcomer);
  const int64_t then = static_cast<int64_t>(ids) + (own == kNoId ? 0 : shares_[own].excess());
  // Each list is charged to a network in which its record has a registration, so that none but a long one makes a
  // network have too much.
  return shares_[most].excess() <= then ? kNoId : shares_[most].long_lists.last();
}

}  // namespace warp::map
