#include "tools/manual/config_page.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/manual/roff.h"

namespace warp::tools {
namespace {

using config::Key;
using config::Section;

constexpr char kName[] = "warp.yaml";
constexpr int kSection = 5;

// "1 to 65535, UDP port"
std::string Takes(const Key& key) {
  if (key.shape == Key::Shape::kSection) return "keys below";
  return absl::StrCat(key.type, key.type.empty() || key.unit.empty() ? "" : ", ", key.unit);
}

std::string Meaning(const Key& key) {
  std::string text = key.reason;
  if (key.required) return text + " Required.";
  if (key.fallback.empty()) return text;
  return absl::StrCat(text, " Default: ", key.fallback_in_words ? "" : "`", key.fallback,
                      key.fallback_in_words ? "." : "`.");
}

void WriteSection(const Section& section, const std::string& program, const std::string& path,
                  Roff& page) {
  page.Subheading(path.empty() ? absl::StrCat(program, ": top level")
                               : absl::StrCat(program, ": ", path));
  for (const Key& key : section.keys()) {
    page.Entry(absl::StrCat(Roff::Bold(key.name), " (", Roff::Italic(Takes(key)), ")"),
               Meaning(key));
  }
  for (const Key& key : section.keys()) {
    if (key.section == nullptr) continue;
    const bool list = key.shape == Key::Shape::kSections;
    WriteSection(*key.section, program,
                 absl::StrCat(config::JoinPath(path, key.name), list ? "[]" : ""), page);
  }
}

void WriteDescription(const std::vector<std::string>& programs, Roff& page) {
  page.Heading("DESCRIPTION");
  page.Paragraph(
      absl::StrCat("Each of ", absl::StrJoin(programs, " and "),
                   " reads one YAML file. It is checked completely before anything is opened: a "
                   "mistake, such as a key that is not listed here, ends the program with a line "
                   "that names file, line and key. `warp check FILE` says the same beforehand, and "
                   "`warp example-config` writes a commented file with every key."));
  page.Paragraph(
      "A duration is a whole number and a unit (500us, 250ms, 2s, 5m, 1h), an amount of memory is "
      "256MiB or 1GiB, a rate is 500kbit, 20Mbit or 1.5Gbit in bits a second, and a size of what "
      "is carried is 700MB or 50GB. Addresses with a port are quoted, because of their colons. "
      "Paths that do not begin with / are taken from the directory of the file.");
}

}  // namespace

ManualFile ConfigPage(const std::vector<ConfiguredProgram>& programs, const PageNotes& notes) {
  std::vector<std::string> names;
  for (const ConfiguredProgram& program : programs) names.push_back(program.name);
  Roff page(kName, kSection);
  page.Heading("NAME");
  page.Line(
      absl::StrCat(kName, " \\- configuration of ", Roff::Escape(absl::StrJoin(names, " and "))));
  WriteDescription(names, page);
  for (const ConfiguredProgram& program : programs) {
    page.Heading(absl::StrCat("KEYS OF ", Roff::Escape(absl::AsciiStrToUpper(program.name))));
    WriteSection(program.schema, program.name, "", page);
  }
  WriteEnd(kName, notes, page);
  return {ManPath(kName, kSection), page.text()};
}

std::vector<std::pair<std::string, std::string>> DefaultFiles(const Section& schema) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const Key& key : schema.keys()) {
    if (key.section != nullptr && key.shape == Key::Shape::kSection) {
      for (auto& file : DefaultFiles(*key.section)) files.push_back(std::move(file));
    } else if (key.shape == Key::Shape::kScalar && absl::StartsWith(key.fallback, "/")) {
      files.emplace_back(key.fallback, key.reason);
    }
  }
  return files;
}

}  // namespace warp::tools
