#include "tools/link/link_text.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tools/link/link_trace.h"
#include "tools/link/link_units.h"

namespace warp::tools {
namespace {

using Values = std::vector<std::string>;
using Read = std::function<absl::Status(const Values&, LinkOptions&)>;

absl::Status Invalid(absl::string_view what) { return absl::InvalidArgumentError(what); }

// --- Values. ------------------------------------------------------------------------------------

// A key with one value, which `parse` reads into a member.
template <typename T, typename Parse>
Read One(T LinkOptions::*member, Parse parse) {
  return [member, parse](const Values& values, LinkOptions& options) -> absl::Status {
    if (values.size() != 1) return Invalid("it takes one value");
    auto value = parse(values[0]);
    if (!value.ok()) return value.status();
    options.*member = *std::move(value);
    return absl::OkStatus();
  };
}

absl::StatusOr<uint32_t> ParseMtu(absl::string_view text) {
  uint32_t mtu = 0;
  if (!absl::SimpleAtoi(text, &mtu) || mtu < 68 || mtu > 65535) {
    return Invalid(absl::StrCat("\"", text, "\" is no size: write a number of bytes, 68 to 65535"));
  }
  return mtu;
}

// The first may stand without a time, which is then 0.
absl::Status ReadRate(const Values& values, LinkOptions& options) {
  for (const std::string& value : values) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(value, absl::MaxSplits('@', 1));
    const auto rate = ParseRate(parts.first);
    if (!rate.ok()) return rate.status();
    const bool timed = parts.second.size() > 0;
    if (!timed && (!options.rate.empty() || value.find('@') != std::string::npos)) {
      return Invalid(absl::StrCat("\"", value, "\" lacks its time: write 10Mbit@10s"));
    }
    const auto at = ParseTime(timed ? absl::string_view(parts.second) : "0");
    if (!at.ok()) return at.status();
    if (options.rate.empty() && *at != 0) return Invalid("its first step is not at 0s");
    if (!options.rate.empty() && *at <= options.rate.back().at) {
      return Invalid(absl::StrCat("the steps are not in order: ", value));
    }
    options.rate.push_back({*at, *rate});
  }
  return absl::OkStatus();
}

absl::Status ReadTrace(const Values& values, LinkOptions& options) {
  // A comma may belong to the file's name.
  auto trace = LoadTrace(absl::StrJoin(values, ","));
  if (!trace.ok()) return trace.status();
  options.trace = *std::move(trace);
  return absl::OkStatus();
}

absl::Status ReadBuffer(const Values& values, LinkOptions& options) {
  options.limited_buffer = values != Values{"unlimited"};
  return options.limited_buffer ? One(&LinkOptions::buffer, ParseTime)(values, options)
                                : absl::OkStatus();
}

absl::Status ReadDown(const Values& values, LinkOptions& options) {
  for (const std::string& value : values) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(value, absl::MaxSplits('-', 1));
    const auto from = ParseTime(parts.first);
    const auto to = ParseTime(parts.second);
    if (!from.ok() || !to.ok() || *from >= *to) {
      return Invalid(absl::StrCat("\"", value,
                                  "\" is no time from one moment to a later one: "
                                  "write 10s-20s"));
    }
    if (!options.down.empty() && *from <= options.down.back().to) {
      return Invalid(absl::StrCat("the outages are not in order and apart: ", value));
    }
    options.down.push_back({*from, *to});
  }
  return absl::OkStatus();
}

// --- Keys. --------------------------------------------------------------------------------------

struct Key {
  const char* name;
  Read read;
};

const std::vector<Key>& Keys() {
  static const std::vector<Key> keys = {
      {"rate", ReadRate},
      {"trace", ReadTrace},
      {"buffer", ReadBuffer},
      {"delay", One(&LinkOptions::delay, ParseTime)},
      {"jitter", One(&LinkOptions::jitter, ParseTime)},
      {"slots", One(&LinkOptions::slots, ParseTime)},
      {"loss", One(&LinkOptions::loss, ParseShare)},
      {"loss_bad", One(&LinkOptions::loss_bad, ParseShare)},
      {"to_bad", One(&LinkOptions::to_bad, ParseShare)},
      {"to_good", One(&LinkOptions::to_good, ParseShare)},
      {"reorder", One(&LinkOptions::reorder, ParseShare)},
      {"reorder_by", One(&LinkOptions::reorder_by, ParseTime)},
      {"duplicate", One(&LinkOptions::duplicate, ParseShare)},
      {"corrupt", One(&LinkOptions::corrupt, ParseShare)},
      {"down", ReadDown},
      {"repeat", One(&LinkOptions::repeat, ParseTime)},
      {"mtu", One(&LinkOptions::mtu, ParseMtu)},
  };
  return keys;
}

bool IsKey(absl::string_view name) {
  return std::any_of(Keys().begin(), Keys().end(),
                     [&](const Key& key) { return name == key.name; });
}

// --- What only holds of several keys together. --------------------------------------------------

absl::Status CheckRepeat(const LinkOptions& options) {
  if (options.repeat == 0) return absl::OkStatus();
  if (options.rate.size() < 2 && options.down.empty()) {
    return Invalid("repeat: there is neither a step of the rate nor an outage that could repeat");
  }
  if (!options.rate.empty() && options.rate.back().at >= options.repeat) {
    return Invalid("repeat: it is not after the last step of the rate");
  }
  if (!options.down.empty() && options.down.back().to > options.repeat) {
    return Invalid("repeat: it is before the end of the last outage");
  }
  return absl::OkStatus();
}

absl::Status CheckRate(const LinkOptions& options) {
  if (!options.rate.empty() && !options.trace.empty()) {
    return Invalid("trace: a link has a rate or a trace");
  }
  const auto& steps = options.rate;
  if (steps.empty()) return absl::OkStatus();
  if (std::none_of(steps.begin(), steps.end(),
                   [](const RateStep& step) { return step.rate > 0; })) {
    return Invalid("rate: nothing would ever leave; without this key nothing holds frames back");
  }
  if (steps.back().rate == 0 && options.repeat == 0) {
    return Invalid("rate: what waits at its last step would never leave; down= makes a dead link");
  }
  return absl::OkStatus();
}

absl::Status CheckFaults(const LinkOptions& options) {
  if (options.to_bad > 0 && options.to_good == 0) {
    return Invalid("to_bad: to_good must say how a bad state ends");
  }
  if (options.reorder > 0 && options.reorder_by == 0) {
    return Invalid("reorder: reorder_by must say by how long");
  }
  return absl::OkStatus();
}

}  // namespace

// A part without "=" belongs to the list of the key before it.
absl::Status LinkText::Add(absl::string_view text) {
  std::map<std::string, Values> added;
  std::string key;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const size_t equals = part.find('=');
    if (equals == absl::string_view::npos) {
      if (key.empty()) {
        return Invalid(
            absl::StrCat("\"", part, "\" is no KEY=VALUE: write rate=20Mbit,delay=30ms"));
      }
      added[key].emplace_back(part);
      continue;
    }
    key = std::string(part.substr(0, equals));
    if (!IsKey(key)) {
      return Invalid(absl::StrCat("there is no \"", key, "\": a link has ", LinkKeys()));
    }
    if (added.contains(key)) return Invalid(absl::StrCat(key, ": it stands twice"));
    added[key].emplace_back(part.substr(equals + 1));
  }
  // A direction with a trace of its own has no use for the rate of both, and the other way round.
  if (added.contains("trace")) values_.erase("rate");
  if (added.contains("rate")) values_.erase("trace");
  for (auto& [name, values] : added) values_[name] = std::move(values);
  return absl::OkStatus();
}

absl::StatusOr<LinkOptions> LinkText::Options() const {
  LinkOptions options;
  for (const Key& key : Keys()) {
    const auto found = values_.find(key.name);
    if (found == values_.end()) continue;
    const absl::Status status = key.read(found->second, options);
    if (!status.ok()) return Invalid(absl::StrCat(key.name, ": ", status.message()));
  }
  for (const auto& check : {CheckRate, CheckRepeat, CheckFaults}) {
    if (const absl::Status status = check(options); !status.ok()) return status;
  }
  return options;
}

std::string LinkKeys() {
  return absl::StrJoin(Keys(), ", ",
                       [](std::string* out, const Key& key) { out->append(key.name); });
}

}  // namespace warp::tools
