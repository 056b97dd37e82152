#include "control/config/schema/schema_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace warp::config {
namespace {

constexpr size_t kWidth = 100;

// "1 to 65535, UDP port"
std::string Takes(const Key& key) {
  return absl::StrCat(key.type, key.type.empty() || key.unit.empty() ? "" : ", ", key.unit);
}

// --- Example ---

class ExampleWriter {
 public:
  std::string Write(const Section& root) {
    WriteKeys(root, "", false, "");
    return std::move(out_);
  }

 private:
  // `indent` stands before every line. A section that is a comment (`commented`) has comments for keys, with their `#`
  // in the section's own column (`hash_indent`).
  void WriteKeys(const Section& section, const std::string& indent, bool commented,
                 const std::string& hash_indent, bool item = false) {
    bool first = true;
    for (const Key& key : section.keys()) {
      if (!first && indent.empty()) out_ += "\n";
      const bool off = commented || !key.shown;
      const std::string hash = commented ? hash_indent : indent;
      WriteReason(key, item && first && !commented ? indent.substr(2) : hash);
      const std::string lead = item && first ? absl::StrCat(indent.substr(2), "- ") : indent;
      WriteLine(key, off ? absl::StrCat(hash, "#", lead.substr(hash.size())) : lead);
      if (key.section != nullptr) {
        const bool list = key.shape == Key::Shape::kSections;
        WriteKeys(*key.section, indent + (list ? "    " : "  "), off, hash, list);
      }
      first = false;
    }
  }

  void WriteLine(const Key& key, const std::string& lead) {
    const std::string value = key.section != nullptr ? ""
                              : key.example.empty()  ? key.fallback
                                                     : key.example;
    absl::StrAppend(&out_, lead, key.name, ":", value.empty() ? "" : " ", value, "\n");
  }

  void WriteReason(const Key& key, const std::string& indent) {
    const std::string takes = Takes(key);
    const std::string text =
        takes.empty() ? key.reason : absl::StrCat(key.reason, " (", takes, ")");
    std::string line = absl::StrCat(indent, "#");
    for (absl::string_view word : absl::StrSplit(text, ' ')) {
      if (line.size() + 1 + word.size() > kWidth) {
        absl::StrAppend(&out_, line, "\n");
        line = absl::StrCat(indent, "#");
      }
      absl::StrAppend(&line, " ", word);
    }
    absl::StrAppend(&out_, line, "\n");
  }

  std::string out_;
};

// --- Reference ---

std::string Cell(absl::string_view text) { return absl::StrReplaceAll(text, {{"|", "\\|"}}); }

std::string DefaultCell(const Key& key) {
  if (key.required) return "**required**";
  if (key.fallback.empty()) return "–";
  return key.fallback_in_words ? key.fallback : absl::StrCat("`", key.fallback, "`");
}

void AppendTables(const Section& section, const std::string& path, std::string& out) {
  absl::StrAppend(&out, "### ", path.empty() ? "Top level" : absl::StrCat("`", path, "`"), "\n\n");
  absl::StrAppend(&out, "| key | takes | default | reason |\n|---|---|---|---|\n");
  for (const Key& key : section.keys()) {
    const bool plain = key.shape == Key::Shape::kSection && key.type.empty();
    const std::string takes = plain ? "keys below" : Takes(key);
    absl::StrAppend(&out, "| `", key.name, "` | ", Cell(takes), " | ", Cell(DefaultCell(key)),
                    " | ", Cell(key.reason), " |\n");
  }
  absl::StrAppend(&out, "\n");
  for (const Key& key : section.keys()) {
    if (key.section == nullptr) continue;
    const bool list = key.shape == Key::Shape::kSections;
    AppendTables(*key.section, absl::StrCat(JoinPath(path, key.name), list ? "[]" : ""), out);
  }
}

}  // namespace

std::string ExampleText(const Section& root) { return ExampleWriter().Write(root); }

std::string ReferenceTables(const Section& root) {
  std::string out;
  AppendTables(root, "", out);
  return out;
}

}  // namespace warp::config
