#include "control/config/diff/map_file.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "control/config/diff/key_effects.h"
#include "control/config/diff/node_file.h"
#include "control/config/diff/values.h"
#include "control/config/map_schema.h"
#include "control/config/map_source.h"

namespace warp::config {
namespace {

// Lists of more keys than this are compared as wholes. Of shorter ones, so many keys are named that come, and that go.
constexpr size_t kCompared = 10'000;
constexpr size_t kNamed = 20;

// What stands for a list in the text that two readings are compared by.
std::string Fingerprint(const KeyList& list) {
  std::array<uint8_t, 32> hash;
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const uint8_t*>(list.keys().data()),
                     list.keys().size_bytes(), nullptr, 0);
  return std::string(hash.begin(), hash.end());
}

// `text` is what was read, where anything was.
absl::StatusOr<MapFile> Load(const std::string& path, KeyFiles key_files, std::string* text) {
  return LoadFile<MapFile>(path, key_files, [&](const Source& source) -> absl::StatusOr<MapFile> {
    *text = std::string(source.text);
    absl::StatusOr<MapConfig> config = ParseMap(source);
    if (!config.ok()) return config.status();
    if (config->allowed != nullptr) *text += Fingerprint(*config->allowed);
    return MapFile{.path = path, .config = *std::move(config), .lines = FileLines(source.text)};
  });
}

std::string CountOf(const KeyList* list) {
  if (list == nullptr) return "every key";
  return absl::StrCat(list->size(), list->size() == 1 ? " key" : " keys");
}

std::vector<wire::PublicKey> Without(const KeyList& list, const KeyList& others) {
  std::vector<wire::PublicKey> rest;
  std::set_difference(list.keys().begin(), list.keys().end(), others.keys().begin(),
                      others.keys().end(), std::back_inserter(rest));
  return rest;
}

// A line for each key that came or went; `name` puts it on the side that has it.
template <typename Name>
void NameKeys(const std::vector<wire::PublicKey>& listed, std::vector<KeyChange>* keys, Name name) {
  for (size_t i = 0; i < std::min(listed.size(), kNamed); ++i)
    keys->push_back(name(listed[i].ToBase64()));
  if (listed.size() > kNamed)
    keys->push_back(name(absl::StrCat(listed.size() - kNamed, " more keys")));
}

void CompareAllowed(const KeyList* before, const KeyList* after, std::vector<KeyChange>* keys) {
  const bool both = before != nullptr && after != nullptr;
  if (before == after || (both && *before == *after)) return;
  KeyChange count{.key = "allow_keys", .before = CountOf(before), .after = CountOf(after)};
  if (count.before == count.after) absl::StrAppend(&count.after, ", others");
  keys->push_back(std::move(count));
  if (!both || std::max(before->size(), after->size()) > kCompared) return;
  NameKeys(Without(*before, *after), keys, [](const std::string& key) {
    return KeyChange{.key = "allow_keys", .before = key, .after = ""};
  });
  NameKeys(Without(*after, *before), keys, [](const std::string& key) {
    return KeyChange{.key = "allow_keys", .before = "", .after = key};
  });
}

// Of files of the same name, what they hold may be another: a password was changed, a certificate renewed.
auto CompareContents(std::vector<KeyChange>* keys) {
  return [keys](const char* key, const std::string& name, const std::string& was,
                const std::string& is) {
    const bool named = std::any_of(keys->begin(), keys->end(),
                                   [&](const KeyChange& change) { return change.key == key; });
    if (was != is && !named)
      keys->push_back({.key = key, .before = name, .after = name + ", with other contents"});
  };
}

void CompareStreamFiles(const StreamConfig& before, const StreamConfig& after,
                        std::vector<KeyChange>* keys) {
  const auto compare = CompareContents(keys);
  compare("stream.cert", after.certificate_file, before.certificate, after.certificate);
  compare("stream.key", after.key_file, before.key, after.key);
}

void CompareStoreFiles(const StoreConfig& before, const StoreConfig& after,
                       std::vector<KeyChange>* keys) {
  const auto compare = CompareContents(keys);
  compare("store.password_file", after.password_file, before.password, after.password);
  compare("store.sentinel_password_file", after.sentinel_password_file, before.sentinel_password,
          after.sentinel_password);
  if (!before.tls.has_value() || !after.tls.has_value()) return;
  const StoreTlsConfig &was = *before.tls, &is = *after.tls;
  compare("store.tls.ca", is.ca_file, was.ca, is.ca);
  compare("store.tls.cert", is.certificate_file, was.certificate, is.certificate);
  compare("store.tls.key", is.key_file, was.key, is.key);
}

bool SameKey(const wire::SecretKey& a, const wire::SecretKey& b) {
  return sodium_memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()) == 0;
}

}  // namespace

std::string MapFile::Place(absl::string_view key) const {
  return absl::StrCat(path, ":", lines.Of(key), ": ", key, ": ");
}

absl::StatusOr<MapFile> LoadMapFile(const std::string& path, KeyFiles key_files) {
  std::string text;
  return Load(path, key_files, &text);
}

absl::StatusOr<MapFile> LoadSettledMapFile(const std::string& path, const SettledOptions& options) {
  return LoadSettled<MapFile>(path, options, [](const std::string& at, std::string* text) {
    return Load(at, KeyFiles::kRead, text);
  });
}

std::vector<EntryChange> Diff(const MapConfig& before, const MapConfig& after) {
  Values was = ValuesOf(MapSchema(), &before), is = ValuesOf(MapSchema(), &after);
  // Of files of keys, what they hold counts; their names, where nobody has read them.
  const bool keys_known = !before.private_key.is_zero() && !after.private_key.is_zero();
  const bool lists_known =
      keys_known || (before.allow_keys_file.empty() && after.allow_keys_file.empty());
  for (Values* const values : {&was, &is}) {
    std::erase_if(*values, [&](const auto& value) {
      if (value.first == "private_key_file") return keys_known;
      return absl::StartsWith(value.first, "allow_keys") && lists_known;
    });
  }
  EntryChange change{.kind = EntryKind::kMapServer, .name = "warp-map", .before = 0, .after = 0};
  if (keys_known && !SameKey(before.private_key, after.private_key)) {
    change.keys.push_back({.key = "private_key_file",
                           .before = "that of " + before.private_key.Public().ToBase64(),
                           .after = "that of " + after.private_key.Public().ToBase64()});
  }
  for (KeyChange& key : CompareValues(was, is)) change.keys.push_back(std::move(key));
  if (keys_known && before.store.has_value() && after.store.has_value())
    CompareStoreFiles(*before.store, *after.store, &change.keys);
  if (keys_known && before.stream.has_value() && after.stream.has_value())
    CompareStreamFiles(*before.stream, *after.stream, &change.keys);
  if (lists_known) CompareAllowed(before.allowed.get(), after.allowed.get(), &change.keys);
  if (change.keys.empty()) return {};
  for (const KeyChange& key : change.keys)
    change.effect = std::max(change.effect, EffectOf(change.kind, key.key));
  return {change};
}

std::string WhatNeedsRestart(const std::vector<EntryChange>& changes, const MapFile& after) {
  return WhatNeedsRestart(changes, "warp-map", [&after](const EntryChange&, absl::string_view key) {
    return after.Place(key);
  });
}

}  // namespace warp::config
