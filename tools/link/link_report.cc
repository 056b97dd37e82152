#include "tools/link/link_report.h"

#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace warp::tools {
namespace {

using Json = nlohmann::ordered_json;

double Milli(uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e6; }

double Goodput(const LinkCounts& counts, double seconds) {
  return seconds > 0 ? static_cast<double>(counts.delivered_bytes) * 8 / seconds : 0;
}

Json DropsJson(const LinkCounts& counts) {
  Json drops = Json::object();
  for (size_t i = 1; i < counts.drops.size(); ++i) {
    drops[LinkDropName(static_cast<LinkDrop>(i))] = counts.drops[i];
  }
  return drops;
}

Json DirectionJson(const LinkDirectionReport& direction, double seconds) {
  const LinkCounts& counts = direction.counts;
  return {{"frames", counts.frames},
          {"bytes", counts.bytes},
          {"delivered", counts.delivered},
          {"delivered_bytes", counts.delivered_bytes},
          {"duplicated", counts.duplicated},
          {"corrupted", counts.corrupted},
          {"reordered", counts.reordered},
          {"under_way", direction.under_way},
          {"drops", DropsJson(counts)},
          {"queue_ms",
           {{"p50", Milli(direction.queue.Percentile(50))},
            {"p99", Milli(direction.queue.Percentile(99))},
            {"max", Milli(direction.queue.max())}}},
          {"goodput_bit_s", Goodput(counts, seconds)}};
}

// --- Text. --------------------------------------------------------------------------------------

using Cell = std::function<std::string(const LinkDirectionReport&)>;

void AppendRow(std::string& text, const LinkReport& report, absl::string_view name,
               const Cell& cell) {
  absl::StrAppendFormat(&text, "%-16s", name);
  for (const LinkDirectionReport& direction : report.directions) {
    absl::StrAppendFormat(&text, "%16s", cell(direction));
  }
  text += '\n';
}

Cell Count(uint64_t LinkCounts::*member) {
  return [member](const LinkDirectionReport& direction) {
    return absl::StrCat(direction.counts.*member);
  };
}

Cell Queue(double percent) {
  return [percent](const LinkDirectionReport& direction) {
    return absl::StrFormat("%.1f ms", Milli(direction.queue.Percentile(percent)));
  };
}

}  // namespace

std::string LinkReportJson(const LinkReport& report) {
  Json json = {
      {"seconds", report.seconds}, {"started_ns", report.started_ns}, {"seed", report.seed}};
  for (size_t i = 0; i < report.directions.size(); ++i) {
    json[kLinkDirections[i]] = DirectionJson(report.directions[i], report.seconds);
  }
  return json.dump();
}

std::string LinkReportText(const LinkReport& report) {
  std::string text = absl::StrFormat("%-16s%16s%16s\n", absl::StrFormat("%.1f s", report.seconds),
                                     kLinkDirections[0], kLinkDirections[1]);
  AppendRow(text, report, "frames", Count(&LinkCounts::frames));
  AppendRow(text, report, "delivered", Count(&LinkCounts::delivered));
  AppendRow(text, report, "under way",
            [](const LinkDirectionReport& direction) { return absl::StrCat(direction.under_way); });
  for (size_t i = 1; i < static_cast<size_t>(LinkDrop::kCount); ++i) {
    const auto drop = static_cast<LinkDrop>(i);
    AppendRow(text, report, absl::StrCat("drop ", LinkDropName(drop)),
              [drop](const LinkDirectionReport& direction) {
                return absl::StrCat(direction.counts.drop(drop));
              });
  }
  AppendRow(text, report, "duplicated", Count(&LinkCounts::duplicated));
  AppendRow(text, report, "corrupted", Count(&LinkCounts::corrupted));
  AppendRow(text, report, "reordered", Count(&LinkCounts::reordered));
  AppendRow(text, report, "queue p50", Queue(50));
  AppendRow(text, report, "queue p99", Queue(99));
  AppendRow(text, report, "queue max", Queue(100));
  AppendRow(text, report, "goodput", [&report](const LinkDirectionReport& direction) {
    return absl::StrFormat("%.3f Mbit/s", Goodput(direction.counts, report.seconds) / 1e6);
  });
  return text;
}

}  // namespace warp::tools
