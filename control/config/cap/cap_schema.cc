#include "control/config/cap/cap_schema.h"

#include <algorithm>
#include <array>
#include <optional>

#include "absl/strings/str_cat.h"
#include "control/config/text/digits.h"
#include "control/config/text/problems.h"

namespace warp::config {
namespace {

constexpr uint64_t kMinCap = 1'000'000;
constexpr uint64_t kMaxCap = 1'000'000'000'000'000;
constexpr uint8_t kDaysOfMonth = 31;

constexpr std::array<absl::string_view, 7> kWeekdays = {"mon", "tue", "wed", "thu",
                                                        "fri", "sat", "sun"};
// While `from` is read, nobody knows yet whether periods are weeks: weekdays stand above all days of a month until
// CheckCap puts them in their place.
constexpr uint8_t kWeekdaysAfter = 100;

uint8_t& FromOf(CapPolicy& cap) { return cap.period.from; }
CapUnit& EachOf(CapPolicy& cap) { return cap.period.each; }

Codec<uint8_t> From() {
  return {.type = "1 to 31, or mon, tue, wed, thu, fri, sat or sun",
          .read = [](absl::string_view text) -> absl::StatusOr<uint8_t> {
            const auto* const weekday = std::find(kWeekdays.begin(), kWeekdays.end(), text);
            if (weekday != kWeekdays.end())
              return static_cast<uint8_t>(kWeekdaysAfter + 1 + (weekday - kWeekdays.begin()));
            const std::optional<uint64_t> day = ReadDigits(text);
            if (!day || *day < 1 || *day > kDaysOfMonth) {
              return Unacceptable(
                  text, "is neither a day of the month, 1 to 31, nor a weekday, mon to sun");
            }
            return static_cast<uint8_t>(*day);
          },
          .write = [](const uint8_t& from) { return absl::StrCat(from); }};
}

Codec<CapLimit> AtLimit() {
  const Codec<uint64_t> rate = RateText();
  return {.type = absl::StrCat("backup, stop, or ", rate.type),
          .read = [rate](absl::string_view text) -> absl::StatusOr<CapLimit> {
            if (text == "backup") return CapLimit{.act = CapAct::kBackup};
            if (text == "stop") return CapLimit{.act = CapAct::kStop};
            const absl::StatusOr<uint64_t> limit = rate.read(text);
            if (!limit.ok()) {
              return Unacceptable(text, "is none of backup, stop and a rate such as 1Mbit");
            }
            return CapLimit{.act = CapAct::kRate, .rate = *limit};
          },
          .write = CapLimitText};
}

void CheckCap(Reader& reader, const std::string& path, CapPolicy& cap) {
  const std::string at = JoinPath(path, "from");
  const bool said = reader.LineOf(at) > 0;
  uint8_t& from = cap.period.from;
  const bool weekday = from > kWeekdaysAfter;
  switch (cap.period.each) {
    case CapUnit::kDay:
      if (said) reader.Fail(at, "goes with each: week and each: month");
      from = 1;
      return;
    case CapUnit::kWeek:
      if (said && !weekday) {
        reader.Fail(at, "with each: week, it is a weekday: mon, tue, wed, thu, fri, sat, sun");
      }
      from = weekday ? static_cast<uint8_t>(from - kWeekdaysAfter) : 1;
      return;
    case CapUnit::kMonth:
      if (weekday) {
        reader.Fail(at, "with each: month, it is a day of the month, 1 to 31");
        from = 1;
      }
      return;
  }
}

}  // namespace

Codec<uint64_t> CapSize() { return SizeText(kMinCap, kMaxCap); }
Codec<uint64_t> CapUsed() { return SizeText(0, kMaxCap); }

std::string CapLimitText(const CapLimit& limit) {
  switch (limit.act) {
    case CapAct::kBackup:
      return "backup";
    case CapAct::kStop:
      return "stop";
    case CapAct::kRate:
      return RateText().write(limit.rate);
  }
  return "";
}

std::string CapPeriodText(const CapPeriod& period) {
  const std::string each(wire::WordOf(kCapUnitWords, period.each));
  switch (period.each) {
    case CapUnit::kDay:
      return each;
    case CapUnit::kWeek:
      return absl::StrCat(each, " from ", kWeekdays[period.from - 1]);
    case CapUnit::kMonth:
      return absl::StrCat(each, " from ", period.from);
  }
  return each;
}

const SectionOf<CapPolicy>& CapSchema() {
  static const SectionOf<CapPolicy>& section = Declare<CapPolicy>([](auto& s) {
    s.Scalar("bytes", &CapPolicy::bytes, CapSize())
        .Required()
        .Example("50GB")
        .Why(
            "How much it may carry in a period: bytes of frames, sent and received, in decimal "
            "units.");
    s.Scalar("each", EachOf, Choice(kCapUnitWords))
        .Why("The period, which begins and ends at midnight of this machine's time zone.");
    s.Scalar("from", FromOf, From())
        .Example("3")
        .Otherwise("1, or mon")
        .Why(
            "When the period begins: a day of the month, or a weekday with `each: week`. A month "
            "that has no such day begins it on its last one.");
    s.Scalar("at_limit", &CapPolicy::at_limit, AtLimit())
        .Why(
            "What becomes of the port when as much was carried. With backup, it is used only "
            "while no other one works. With stop, nothing is sent by it any more. With a rate, "
            "what is spread over it is sent and received at that rate at most.");
    s.Check(CheckCap);
  });
  return section;
}

}  // namespace warp::config
