#include "tools/gauge/gauge_report.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace warp::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kModes[] = {"tx", "rx", "echo"};

double Micro(uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e3; }
double Milli(uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e6; }

double Rate(const GaugeReport& report) {
  return report.seconds > 0 ? static_cast<double>(report.sent) / report.seconds : 0;
}

Json LatencyJson(const LatencyHistogram& latency) {
  if (latency.count() == 0) return nullptr;
  return {{"p50", Micro(latency.Percentile(50))},
          {"p99", Micro(latency.Percentile(99))},
          {"p99.9", Micro(latency.Percentile(99.9))},
          {"max", Micro(latency.max())}};
}

Json LatenciesJson(const LatencyHistogram& latency) {
  Json buckets = Json::array();
  for (const auto& [most, count] : latency.Buckets())
    buckets.push_back(Json::array({Micro(most), count}));
  return buckets;
}

Json TimelineJson(const GaugeTally& tally) {
  return {{"first_ns", tally.first_arrival().value_or(0)},
          {"interval_ms", Milli(tally.interval())},
          {"arrivals", tally.timeline()}};
}

}  // namespace

std::string ReportJson(const GaugeReport& report) {
  Json json = {{"mode", kModes[static_cast<int>(report.mode)]},
               {"seconds", report.seconds},
               {"sent", report.sent},
               {"send_errors", report.send_errors},
               {"overruns", report.overruns}};
  if (report.tally) {
    const GaugeTally& tally = *report.tally;
    json["received"] = tally.received();
    json["lost"] = report.lost();
    json["duplicated"] = tally.duplicated();
    json["reordered"] = tally.reordered();
    json["corrupt"] = tally.corrupt();
    json["foreign"] = tally.foreign();
    json["stale"] = tally.stale();
    json["latency_us"] = LatencyJson(tally.latency());
    json["longest_gap_ms"] = Milli(tally.longest_gap());
    if (report.distribution) json["latencies"] = LatenciesJson(tally.latency());
    if (tally.interval() > 0) json["timeline"] = TimelineJson(tally);
  }
  return json.dump();
}

std::string ReportText(const GaugeReport& report) {
  std::string text;
  if (report.mode == GaugeReport::Mode::kEcho) {
    absl::StrAppendFormat(&text, "returned    %12u\n", report.sent);
  } else {
    absl::StrAppendFormat(&text, "sent        %12u   in %.1f s, %.0f a second\n", report.sent,
                          report.seconds, Rate(report));
  }
  if (report.send_errors > 0) {
    absl::StrAppendFormat(&text, "not sent    %12u   refused by the kernel\n", report.send_errors);
  }
  if (report.tally) {
    const GaugeTally& tally = *report.tally;
    absl::StrAppendFormat(&text, "received    %12u\n", tally.received());
    absl::StrAppendFormat(&text, "lost        %12u\n", report.lost());
    absl::StrAppendFormat(&text, "duplicated  %12u\n", tally.duplicated());
    absl::StrAppendFormat(&text, "reordered   %12u\n", tally.reordered());
    absl::StrAppendFormat(&text, "corrupt     %12u\n", tally.corrupt());
    if (tally.foreign() > 0) absl::StrAppendFormat(&text, "foreign     %12u\n", tally.foreign());
    if (tally.stale() > 0) absl::StrAppendFormat(&text, "stale       %12u\n", tally.stale());
    if (tally.latency().count() > 0) {
      absl::StrAppendFormat(&text, "%s %12.0f us p50, %.0f us p99, %.0f us max\n",
                            report.mode == GaugeReport::Mode::kTx ? "round trip " : "one way    ",
                            Micro(tally.latency().Percentile(50)),
                            Micro(tally.latency().Percentile(99)), Micro(tally.latency().max()));
    }
    absl::StrAppendFormat(&text, "longest gap %12.1f ms\n", Milli(tally.longest_gap()));
  }
  if (report.overruns > 0) {
    absl::StrAppendFormat(&text, "overruns    %12u   dropped here: this program was too slow\n",
                          report.overruns);
  }
  return text;
}

std::string ProgressText(const GaugeReport& report) {
  std::string text = absl::StrFormat("%7.1f s  sent %u", report.seconds, report.sent);
  if (report.tally) {
    const GaugeTally& tally = *report.tally;
    absl::StrAppendFormat(&text, "  received %u  duplicated %u  longest gap %.1f ms",
                          tally.received(), tally.duplicated(), Milli(tally.longest_gap()));
  }
  return text;
}

}  // namespace warp::tools
