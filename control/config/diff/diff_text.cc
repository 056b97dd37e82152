#include "control/config/diff/diff_text.h"

#include "absl/strings/str_cat.h"
#include "control/config/text/problems.h"

namespace warp::config {
namespace {

std::string Shown(const std::string& value) { return value.empty() ? "nothing" : Printable(value); }

}  // namespace

absl::string_view EffectName(Effect effect) {
  switch (effect) {
    case Effect::kLive:
      return "live";
    case Effect::kReopen:
      return "reopens";
    case Effect::kRestart:
      return "restart";
  }
  return "";
}

absl::string_view ChangeName(const EntryChange& change) {
  return change.added() ? "added" : change.removed() ? "removed" : "changed";
}

std::string DiffText(const std::vector<EntryChange>& changes) {
  std::string text;
  for (const EntryChange& change : changes) {
    absl::StrAppend(&text,
                    change.added()     ? "+ "
                    : change.removed() ? "- "
                                       : "~ ",
                    EntryKindName(change.kind));
    if (change.kind != EntryKind::kNode && change.kind != EntryKind::kMapServer)
      absl::StrAppend(&text, " ", Printable(change.name));
    if (change.effect == Effect::kReopen) text += " (reopens)";
    if (change.effect == Effect::kRestart) text += " (needs a restart)";
    text += "\n";
    for (const KeyChange& key : change.keys) {
      absl::StrAppend(&text, "    ", key.key, ": ", Shown(key.before), " -> ", Shown(key.after),
                      "\n");
    }
  }
  return text;
}

}  // namespace warp::config
