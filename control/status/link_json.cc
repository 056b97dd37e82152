#include "control/status/link_json.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "control/verdict/verdict.h"

namespace warp::control {
namespace {

using Json = nlohmann::ordered_json;

verdict::LinkTotals SumOf(const verdict::LinkBook::Links& links) {
  verdict::LinkTotals all;
  for (const auto& [port, totals] : links) all += totals;
  return all;
}

}  // namespace

double CopiesOf(const verdict::LinkBook::Links& links) { return verdict::CopiesOf(SumOf(links)); }

Json LinksJson(const verdict::LinkBook::Links& links) {
  const verdict::LinkTotals all = SumOf(links);
  Json json = Json::array();
  for (const auto& [port, totals] : links) {
    const verdict::Verdict verdict = verdict::Judge(totals, all);
    json.push_back(
        {{"port", port},
         {"first", totals.first},
         {"first_share", verdict.first_share},
         {"duplicates", totals.duplicates},
         {"sole", totals.sole},
         {"sole_share", verdict.sole_share},
         {"skew_ms", verdict.skew.has_value()
                         ? Json(std::chrono::duration<double, std::milli>(*verdict.skew).count())
                         : Json(nullptr)},
         {"rx_bytes", totals.rx_bytes},
         {"tx_packets", totals.tx_packets},
         {"tx_bytes", totals.tx_bytes}});
  }
  return json;
}

Json CarrierJson(const Carrier::Status* status) {
  if (status == nullptr) return nullptr;
  return {{"state", std::string(Carrier::kStateWords[static_cast<size_t>(status->state)])},
          {"at", status->at.port == 0 ? "" : status->at.ToString()},
          {"attempts", status->attempts},
          {"connections", status->connections},
          {"dropped", {{"astray", status->astray}, {"unread", status->unread}}},
          {"error", status->reason}};
}

Json TranslationJson(const std::optional<SourcedPrefix>& translation) {
  if (!translation) return nullptr;
  return {{"prefix", translation->prefix.ToString()},
          {"source", std::string(PrefixSourceName(translation->source))}};
}

}  // namespace warp::control
