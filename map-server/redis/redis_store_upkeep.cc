// What a RedisStore does by itself: it puts into redis what redis has not got, reads what other maps changed, and lets
// go of what has expired.
#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "map-server/redis/redis_store.h"

namespace warp::map {
namespace {

// Questions of the store's own under way. However many nodes ask, these go on, and look-ups wait behind few of them.
constexpr size_t kWindow = 512;
// Names of changed records that wait to be read.
constexpr size_t kMostChanged = 65536;
// Nodes look up all their peers when changes may have been missed, so whoever makes that happen all the time does not
// make them do it all the time.
constexpr Duration kMissedInterval = std::chrono::seconds(10);
constexpr Duration kSweepInterval = std::chrono::seconds(1);
constexpr int kSweptAtOnce = 10000;

}  // namespace

// --- What redis has not got. ---

void RedisStore::SetUnsaved(const KeyId& id) {
  unsaved_.insert(id);
  if (unsaved_.size() > most_unsaved_) SetAllUnsaved();
}

void RedisStore::SetAllUnsaved() {
  unsaved_.clear();
  save_from_ = 0;
  save_end_ = here_.shown_end();
}

void RedisStore::OnUp(Instant now, const std::string& run) {
  // Another server, or the same one without what it had.
  if (!run_.empty() && run != run_) SetAllUnsaved();
  run_ = run;
  next_save_ = now;
  Pump(now);
}

void RedisStore::Pump(Instant now) {
  if (!link_.up()) return;
  SaveSome(now);
  ReadSome(now);
}

void RedisStore::SaveSome(Instant now) {
  if (now < next_save_) return;
  const auto save = [&](const Record& record) { SaveRecord(now, record); };
  for (size_t i = 0; i < kWindow && under_way_ < kWindow && link_.has_room(); ++i) {
    if (!unsaved_.empty()) {
      const KeyId id = *unsaved_.begin();
      unsaved_.erase(unsaved_.begin());
      here_.Show(id, save);
    } else if (save_from_ < save_end_) {
      here_.ShowAt(save_from_++, save);
    } else {
      return;
    }
  }
}

void RedisStore::SaveRecord(Instant now, const Record& record) {
  const KeyId id = KeyId::Of(record.key());
  record.ForEach([&](const StoredRegistration& registration) {
    if (registration.expires() <= now) return;
    const bool asked = Save(now, record.key(), registration, [this, id](Instant at, Reply* reply) {
      --under_way_;
      Taken(at, Script::kPut, id, reply);
    });
    if (asked) ++under_way_;
    if (!asked) SetUnsaved(id);
  });
  SaveList(now, id);
}

// --- What other maps changed. ---

void RedisStore::OnChanged(Instant now, const RecordName& name) {
  if (changed_.size() >= kMostChanged) return MissChanges(now);
  changed_.insert(name);
  Pump(now);
}

void RedisStore::ReadSome(Instant now) {
  for (size_t i = 0; i < kWindow && under_way_ < kWindow && link_.has_room() && !changed_.empty();
       ++i) {
    const RecordName name = *changed_.begin();
    changed_.erase(changed_.begin());
    const bool asked = AskRecord(now, name, [this, name](Instant at, Reply* reply) {
      --under_way_;
      OnRecord(at, name, reply);
    });
    if (asked) ++under_way_;
    if (!asked) changed_.insert(name);
  }
}

void RedisStore::OnRecord(Instant now, const RecordName& name, Reply* reply) {
  if (reply == nullptr) return void(changed_.insert(name));
  if (reply->is_error()) return MissChanges(now);  // what has changed is not known
  const auto kept = std::make_shared<Reply>(std::move(*reply));
  Push([this, name, kept](Instant at) {
    shared_.Fill(codec_, name, *kept, &counts_.values_foreign);
    if (const Record* record = shared_.record())
      NotifyChanged(at, KeyId::Of(record->key()), *record);
  });
}

void RedisStore::MissChanges(Instant now) {
  missed_ = true;
  TellMissed(now);
}

void RedisStore::TellMissed(Instant now) {
  if (!missed_ || now < next_missed_) return;
  missed_ = false;
  next_missed_ = now + kMissedInterval;
  ++counts_.changes_missed;
  Push([this](Instant) { NotifyMissed(); });
}

// --- Time. ---

void RedisStore::Expire(Instant now) {
  here_.Expire(now);
  CompleteHere();
  AnswerPutsHere(now);
  link_.HandleTimeout(now);
  feed_.HandleTimeout(now);
  Pump(now);
  TellMissed(now);
  if (now >= next_sweep_) {
    next_sweep_ = now + kSweepInterval;
    SweepLists();
  }
}

void RedisStore::AnswerPutsHere(Instant now) {
  for (; !puts_.empty(); puts_.pop_front()) {
    const WaitingPut& put = puts_.front();
    if (*put.done == nullptr) continue;
    if (put.deadline > now) return;
    Push([this, id = put.id, done = std::exchange(*put.done, nullptr)](Instant at) {
      AnswerPutHere(at, id, done);
    });
  }
}

// Lists whose records have expired, or that had to make room, some in each turn.
void RedisStore::SweepLists() {
  auto it = lists_.upper_bound(swept_);
  for (int i = 0; i < kSweptAtOnce && it != lists_.end(); ++i) {
    swept_ = it->first;
    bool stands = false;
    here_.Show(it->first, [&](const Record& record) {
      stands = record.allow_digest() == it->second.named.digest;
    });
    it = stands ? std::next(it) : lists_.erase(it);
  }
  if (it == lists_.end()) swept_ = {};
}

Instant RedisStore::NextTimeout() const {
  Instant next = std::min({here_.NextTimeout(), link_.NextTimeout(), feed_.NextTimeout()});
  if (!puts_.empty()) next = std::min(next, puts_.front().deadline);
  if (!lists_.empty()) next = std::min(next, next_sweep_);
  if (missed_) next = std::min(next, next_missed_);
  // Answers go on with what is left; without any under way, time does.
  if (link_.up() && link_.waiting() == 0) {
    if (!unsaved_.empty() || save_from_ < save_end_) next = std::min(next, next_save_);
    if (!changed_.empty()) next = Instant{};
  }
  return next;
}

}  // namespace warp::map
