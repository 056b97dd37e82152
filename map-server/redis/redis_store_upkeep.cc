// What a RedisStore does by itself: it puts into redis what redis has not got, reads what other maps changed, and lets
// go of what has expired.
#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "map-server/redis/redis_store.h"

namespace warp::map {
namespace {

// Questions under way, up to which records are saved and changes are read: look-ups come behind them.
constexpr size_t kWindow = 512;
// Names of changed records that wait to be read.
constexpr size_t kMostChanged = 65536;
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
  for (size_t i = 0; i < kWindow && link_.waiting() < kWindow; ++i) {
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
      Taken(at, Script::kPut, id, reply);
    });
    if (!asked) SetUnsaved(id);
  });
  SaveList(now, id);
}

// --- What other maps changed. ---

void RedisStore::OnChanged(Instant now, const RecordName& name) {
  if (changed_.size() >= kMostChanged) return MissChanges();
  changed_.insert(name);
  Pump(now);
}

void RedisStore::ReadSome(Instant now) {
  for (size_t i = 0; i < kWindow && link_.waiting() < kWindow && !changed_.empty(); ++i) {
    const RecordName name = *changed_.begin();
    changed_.erase(changed_.begin());
    const bool asked = AskRecord(now, name, [this, name](Instant, Reply* reply) {
      if (reply == nullptr) {
        changed_.insert(name);
        return;
      }
      const auto kept = std::make_shared<Reply>(std::move(*reply));
      Push([this, name, kept](Instant at) {
        shared_.Fill(codec_, name, *kept, &counts_.values_foreign);
        if (const Record* record = shared_.record())
          NotifyChanged(at, KeyId::Of(record->key()), *record);
      });
    });
    if (!asked) changed_.insert(name);
  }
}

void RedisStore::MissChanges() {
  ++counts_.changes_missed;
  Push([this](Instant) { NotifyMissed(); });
}

// --- Time. ---

void RedisStore::Expire(Instant now) {
  here_.Expire(now);
  CompleteHere();
  link_.HandleTimeout(now);
  feed_.HandleTimeout(now);
  Pump(now);
  if (now >= next_sweep_) {
    next_sweep_ = now + kSweepInterval;
    SweepLists();
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
  if (!lists_.empty()) next = std::min(next, next_sweep_);
  // Answers go on with what is left; without any under way, time does.
  if (link_.up() && link_.waiting() == 0) {
    if (!unsaved_.empty() || save_from_ < save_end_) next = std::min(next, next_save_);
    if (!changed_.empty()) next = Instant{};
  }
  return next;
}

}  // namespace warp::map
