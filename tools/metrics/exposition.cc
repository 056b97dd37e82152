#include "tools/metrics/exposition.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "dataplane/wire/drop.h"
#include "tools/metrics/family.h"
#include "tools/metrics/metric_table.h"
#include "tools/terminal/plain.h"

namespace warp::tools {
namespace {

using Json = nlohmann::json;

// A status has seven levels. What lies deeper is nobody's, and would only take memory.
constexpr int kMaxDepth = 16;

absl::Status Parse(absl::string_view text, Json& json) {
  const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth <= kMaxDepth; };
  json = Json::parse(text, shallow, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return absl::InvalidArgumentError("what the daemon says is no JSON object");
  }
  if (!json.contains("node") && !json.contains("map")) {
    return absl::InvalidArgumentError("what the daemon says is no status");
  }
  return absl::OkStatus();
}

// A daemon of before there was a version writes what version 1 has.
absl::Status CheckVersion(const Json& json) {
  const auto version = json.find("version");
  if (version == json.end() || *version == kKnownStatusVersion) return absl::OkStatus();
  if (!version->is_number_integer()) {
    return absl::InvalidArgumentError("the version of the status is no number");
  }
  return absl::UnimplementedError(absl::StrCat("the status is of version ", version->dump(),
                                               ", and this program understands version ",
                                               kKnownStatusVersion));
}

// Valid UTF-8 of a bounded size, as the parser takes no other text.
std::string LabelValue(const std::string& text) {
  std::string value = Plain(text);
  if (value.size() <= kMaxLabelSize) return value;
  size_t size = kMaxLabelSize;
  while (size > 0 && (static_cast<unsigned char>(value[size]) & 0xc0) == 0x80) --size;
  value.resize(size);
  return value;
}

// Reads one metric out of the document, along its field.
class Reader {
 public:
  Reader(const Metric& metric, Family& family) : metric_(metric), family_(family) {}

  // Returns whether everything was of its type.
  bool Read(const Json& document) {
    Follow(document, metric_.field);
    return sound_;
  }

 private:
  // `path`: what is left of the field below `json`.
  void Follow(const Json& json, absl::string_view path) {
    if (path.empty()) return Take(json);
    if (json.is_null()) return;
    if (!json.is_object()) return Fail();
    const size_t dot = path.find('.');
    absl::string_view member = path.substr(0, dot);
    const absl::string_view rest = dot == path.npos ? "" : path.substr(dot + 1);
    if (!NameOf(member).empty()) return FollowNames(NameOf(member), json);
    const bool list = absl::ConsumeSuffix(&member, "[]");
    const auto found = json.find(std::string(member));
    if (found == json.end()) return;
    if (!list) return Follow(*found, rest);
    if (!found->is_array()) return Fail();
    for (const Json& element : *found) FollowElement(element, LabelsOfList(member), rest);
  }

  void FollowElement(const Json& element, absl::Span<const MetricLabel> labels,
                     absl::string_view rest) {
    if (!element.is_object()) return Fail();
    const size_t before = labels_.size();
    for (const MetricLabel& label : labels) {
      const auto value = element.find(std::string(label.member));
      if (value == element.end() || !value->is_string()) {
        labels_.resize(before);
        return Fail();
      }
      labels_.push_back(LabelValue(value->get<std::string>()));
    }
    Follow(element, rest);
    labels_.resize(before);
  }

  // Of each member of an object. A drop of the whole daemon that never happened is 0, so that its first time is an
  // increase.
  void FollowNames(absl::string_view label, const Json& members) {
    if (label == "drop" && labels_.empty()) {
      for (size_t i = 0; i < wire::kDropCount; ++i) {
        family_.Add({std::string(wire::DropName(static_cast<wire::Drop>(i)))}, 0);
      }
    }
    for (const auto& [name, count] : members.items()) {
      labels_.push_back(LabelValue(name));
      Take(count);
      labels_.pop_back();
    }
  }

  void Take(const Json& json) {
    if (json.is_null()) return;
    switch (metric_.kind) {
      case MetricKind::kCounter:
      case MetricKind::kGauge:
        return TakeNumber(json);
      case MetricKind::kBoolean:
        return json.is_boolean() ? family_.Add(labels_, json.get<bool>() ? 1 : 0) : Fail();
      case MetricKind::kWord:
        return json.is_string() ? TakeWord(json.get<std::string>()) : Fail();
      case MetricKind::kPresent:
        return family_.Add(labels_, 1);
      case MetricKind::kInfo:
        return json.is_string() ? family_.Add({LabelValue(json.get<std::string>())}, 1) : Fail();
      case MetricKind::kComputed:
        return;
    }
  }

  void TakeWord(const std::string& word) { family_.Add(labels_, word == metric_.word ? 1 : 0); }

  void TakeNumber(const Json& json) {
    if (!json.is_number()) return Fail();
    const double value = json.get<double>() * metric_.scale;
    if (!std::isfinite(value)) return Fail();
    if (metric_.kind == MetricKind::kCounter && value < 0) return Fail();
    family_.Add(labels_, value);
  }

  void Fail() { sound_ = false; }

  const Metric& metric_;
  Family& family_;
  std::vector<std::string> labels_;
  bool sound_ = true;
};

}  // namespace

Exposition Expose(const absl::StatusOr<std::string>& status, size_t max_series) {
  Json json;
  absl::Status state = status.ok() ? Parse(*status, json) : status.status();
  const bool is_status = state.ok();
  if (is_status) state = CheckVersion(json);
  Exposition exposition{.trouble = std::string(state.message())};

  std::vector<Family> families;
  families.reserve(MetricTable().size());
  size_t malformed = 0;
  for (const Metric& metric : MetricTable()) {
    Family& family = families.emplace_back(metric, max_series);
    // Of a version that is not understood, the version alone is shown.
    if (state.ok() || (is_status && metric.field == "version")) {
      malformed += Reader(metric, family).Read(json) ? 0 : 1;
    }
  }
  for (size_t i = 0; i < families.size(); ++i) {
    const absl::string_view name = MetricTable()[i].name;
    if (name == "warp_up") families[i].Add({}, state.ok() ? 1 : 0);
    if (name == "warp_status_malformed_fields") {
      families[i].Add({}, static_cast<double>(malformed));
    }
    if (!families[i].empty()) exposition.families.push_back(families[i].Take());
  }
  return exposition;
}

}  // namespace warp::tools
