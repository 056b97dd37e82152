#include "control/config/schema/document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/config/text/utf8.h"
#include "control/config/text/yaml_hint.h"

namespace warp::config {
namespace {

// Builds the tree out of the parser's events. It refuses by throwing the parser's own exception, because nothing else
// stops yaml-cpp in the middle of a file.
class Builder : public YAML::EventHandler {
 public:
  explicit Builder(Problems& problems) : problems_(problems) {}

  Value Take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    RefuseExtras(mark, "", anchor);
    Place(mark, Value::Kind::kNothing);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { Refuse(mark, kNoAliases); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    RefuseExtras(mark, tag, anchor);
    if (WantsKey()) {
      AddKey(mark, text);
      return;
    }
    Value& value = Place(mark, Value::Kind::kScalar);
    value.text = text;
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    RefuseExtras(mark, tag, anchor);
    Open(mark, Value::Kind::kList);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    RefuseExtras(mark, tag, anchor);
    Open(mark, Value::Kind::kMap);
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  static constexpr char kNoAliases[] = "anchors (&) and aliases (*) are not supported";

  // A list or map whose end has not come. A map's entry whose value has not come has `pending_key`.
  struct Level {
    Value* value;
    bool pending_key = false;
  };

  [[noreturn]] static void Refuse(const YAML::Mark& mark, const std::string& what) {
    throw YAML::ParserException(mark, what);
  }

  static void RefuseExtras(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) Refuse(mark, kNoAliases);
    if (!tag.empty() && tag != "?" && tag != "!") Refuse(mark, "tags (!) are not supported");
  }

  bool WantsKey() const {
    return !open_.empty() && open_.back().value->kind == Value::Kind::kMap &&
           !open_.back().pending_key;
  }

  void AddKey(const YAML::Mark& mark, const std::string& key) {
    Count(mark);
    std::vector<Entry>& entries = open_.back().value->entries;
    const auto twin = std::find_if(entries.begin(), entries.end(),
                                   [&](const Entry& entry) { return entry.key == key; });
    if (twin != entries.end()) {
      problems_.Add(mark.line + 1, key, absl::StrCat("given twice, first on line ", twin->line));
    }
    if (entries.size() == kMaxKeys) Refuse(mark, absl::StrCat("more than ", kMaxKeys, " keys"));
    entries.push_back({key, mark.line + 1, {}});
    open_.back().pending_key = true;
  }

  Value& Place(const YAML::Mark& mark, Value::Kind kind) {
    Count(mark);
    if (WantsKey()) Refuse(mark, "a key must be plain text");
    Value* place = &root_;
    if (!open_.empty()) {
      Level& level = open_.back();
      place = level.pending_key ? &level.value->entries.back().value
                                : &level.value->items.emplace_back();
      level.pending_key = false;
    }
    place->kind = kind;
    place->line = mark.line + 1;
    return *place;
  }

  void Open(const YAML::Mark& mark, Value::Kind kind) {
    if (open_.size() == kMaxDepth) {
      Refuse(mark, absl::StrCat("lists and maps are nested more than ", kMaxDepth, " deep"));
    }
    // The address stays valid, because a level's vector grows only while that level is the last one.
    open_.push_back({&Place(mark, kind)});
  }

  void Count(const YAML::Mark& mark) {
    if (++count_ > kMaxValues) Refuse(mark, absl::StrCat("more than ", kMaxValues, " values"));
  }

  Problems& problems_;
  Value root_;
  std::vector<Level> open_;
  size_t count_ = 0;
};

}  // namespace

absl::string_view Value::KindName() const {
  switch (kind) {
    case Kind::kNothing:
      return "nothing";
    case Kind::kScalar:
      return "a single value";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a map of keys";
  }
  return "nothing";
}

std::optional<Value> ParseDocument(absl::string_view text, Problems& problems) {
  if (text.size() > kMaxFileSize) {
    problems.Add(0, "", absl::StrCat("larger than ", kMaxFileSize, " bytes"));
    return std::nullopt;
  }
  // The check comes first, because yaml-cpp guesses UTF-16 and UTF-32, and stops without a word at an EOT.
  if (const std::optional<size_t> bad = FirstNotText(text)) {
    const int line = 1 + static_cast<int>(std::count(text.begin(), text.begin() + *bad, '\n'));
    const auto byte = static_cast<unsigned char>(text[*bad]);
    problems.Add(line, "",
                 absl::StrCat("not UTF-8 text: byte 0x", absl::Hex(byte, absl::kZeroPad2)));
    return std::nullopt;
  }
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder(problems);
    parser.HandleNextDocument(builder);
    Value root = builder.Take();
    Builder rest(problems);
    if (parser.HandleNextDocument(rest)) {
      problems.Add(rest.Take().line, "", "a second document: a configuration is one");
    }
    if (!problems.empty()) return std::nullopt;
    return root;
  } catch (const YAML::Exception& e) {
    const int line = e.mark.is_null() ? 0 : e.mark.line + 1;
    problems.Add(line, "", absl::StrCat("YAML: ", Printable(e.msg), YamlHint(text, line, e.msg)));
  } catch (const std::exception& e) {
    problems.Add(0, "", absl::StrCat("YAML: ", Printable(e.what())));
  }
  return std::nullopt;
}

}  // namespace warp::config
