#include "tools/manual/man_page.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "tools/manual/roff.h"

namespace warp::tools {
namespace {

bool IsHelp(const CommandOption& option) {
  return !option.names.empty() && option.names.back() == "--help";
}

// "--socket PATH", in the fonts of a manual; an argument is "FILE".
std::string WithValue(const std::string& name, const CommandOption& option) {
  if (option.value.empty()) return Roff::Bold(name);
  const std::string value = Roff::Italic(option.value) + (option.repeated ? " ..." : "");
  if (option.is_argument()) return value;
  return absl::StrCat(Roff::Bold(name), option.value_optional ? " [" : " ", value,
                      option.value_optional ? "]" : "");
}

std::string InSynopsis(const CommandOption& option) {
  return WithValue(option.is_argument() ? "" : option.names.back(), option);
}

// "warp tunnel set [--json] NAME KEY=VALUE ..."
std::string Synopsis(const Command& command) {
  std::string line = Roff::Bold(command.path);
  int choice = 0;  // whose options are being written
  const auto end_choice = [&] { line += choice != 0 ? ")" : ""; };
  for (const CommandOption& option : command.options) {
    if (IsHelp(option)) continue;
    if (option.choice == 0 || option.choice != choice) {
      end_choice();
      line += option.choice != 0 ? " (" : option.required ? " " : " [";
    } else {
      line += " | ";
    }
    choice = option.choice;
    line += InSynopsis(option);
    if (choice == 0 && !option.required) line += "]";
  }
  end_choice();
  for (const CommandOption& argument : command.arguments) {
    absl::StrAppend(&line, argument.required ? " " : " [", InSynopsis(argument),
                    argument.required ? "" : "]");
  }
  if (!command.commands.empty()) {
    absl::StrAppend(&line, command.needs_command ? " " : " [", Roff::Italic("VERB"), " ...",
                    command.needs_command ? "" : "]");
  }
  return line;
}

// The option's sentence, and what its value may be.
std::string Meaning(const CommandOption& option) {
  std::string text = Roff::Sentence(option.help);
  if (!option.range.empty()) absl::StrAppend(&text, " From ", option.range, ".");
  if (!option.fallback.empty()) absl::StrAppend(&text, " Default: `", option.fallback, "`.");
  return text;
}

void WriteOptions(const std::vector<CommandOption>& options, bool with_help, Roff& page) {
  for (const CommandOption& option : options) {
    if (option.inherited || (IsHelp(option) && !with_help)) continue;
    std::vector<std::string> names;
    for (const std::string& name : option.names) names.push_back(WithValue(name, option));
    if (option.is_argument()) names.push_back(WithValue("", option));
    page.Entry(absl::StrJoin(names, ", "), Meaning(option));
  }
}

bool Describes(const std::vector<CommandOption>& options) {
  for (const CommandOption& option : options) {
    if (!option.inherited && !IsHelp(option)) return true;
  }
  return false;
}

void WriteFooter(const Command& command, Roff& page) {
  if (!command.footer.empty()) page.Paragraph(Roff::Sentence(command.footer));
}

// Each way to call the command, or the verbs below it.
void WriteSynopsis(const Command& command, Roff& page) {
  ForEachCommand(command, [&page](const Command& each) {
    if (each.needs_command) return;
    page.Line(Synopsis(each));
    page.Break();
  });
}

// The verbs below a verb.
void WriteVerbs(const Command& command, Roff& page) {
  for (const Command& below : command.commands) {
    page.Subheading(below.path);
    page.Paragraph(Roff::Sentence(below.help));
    WriteOptions(below.arguments, false, page);
    WriteOptions(below.options, false, page);
    WriteFooter(below, page);
    WriteVerbs(below, page);
  }
}

std::string PageName(const Command& command) {
  return absl::StrReplaceAll(command.path, {{" ", "-"}});
}

Roff Begin(const Command& command, int section) {
  Roff page(PageName(command), section);
  page.Heading("NAME");
  page.Line(absl::StrCat(PageName(command), " \\- ", Roff::Escape(command.help)));
  page.Heading("SYNOPSIS");
  return page;
}

ManualFile File(const Command& command, int section, const Roff& page) {
  return {ManPath(PageName(command), section), page.text()};
}

// Of a program with verbs: which there are. Each has a page of its own.
void WriteIndex(const Command& program, int section, Roff& page) {
  page.Line(Synopsis(program));
  page.Heading("VERBS");
  for (const Command& verb : program.commands) {
    page.Entry(absl::StrCat(Roff::Bold(PageName(verb)), "(", section, ")"),
               Roff::Sentence(verb.help));
  }
}

ManualFile VerbPage(const Command& verb, int section, const PageNotes& notes) {
  Roff page = Begin(verb, section);
  WriteSynopsis(verb, page);
  page.Heading("DESCRIPTION");
  page.Paragraph(Roff::Sentence(verb.help));
  WriteFooter(verb, page);
  WriteVerbs(verb, page);
  if (Describes(verb.arguments) || Describes(verb.options)) {
    page.Heading("OPTIONS");
    WriteOptions(verb.arguments, false, page);
    WriteOptions(verb.options, false, page);
  }
  WriteEnd(PageName(verb), notes, page);
  return File(verb, section, page);
}

}  // namespace

std::string ManPath(const std::string& name, int section) {
  return absl::StrCat("man", section, "/", name, ".", section);
}

void WriteEnd(const std::string& name, const PageNotes& notes, Roff& page) {
  if (!notes.files.empty()) page.Heading("FILES");
  for (const auto& [path, meaning] : notes.files) page.Entry(Roff::Italic(path), meaning);
  std::vector<std::string> others;
  for (const std::string& other : notes.see_also) {
    const size_t section = other.find('(');
    if (other.substr(0, section) == name) continue;
    others.push_back(absl::StrCat(Roff::Bold(other.substr(0, section)), other.substr(section)));
  }
  if (others.empty()) return;
  page.Heading("SEE ALSO");
  page.Line(absl::StrJoin(others, ", "));
}

std::vector<ManualFile> ManPages(const Command& program, int section, const PageNotes& notes) {
  Roff page = Begin(program, section);
  if (program.commands.empty()) {
    WriteSynopsis(program, page);
    page.Heading("DESCRIPTION");
    page.Paragraph(Roff::Sentence(program.help));
  } else {
    WriteIndex(program, section, page);
  }
  WriteFooter(program, page);
  page.Heading("OPTIONS");
  WriteOptions(program.options, true, page);
  WriteEnd(program.name, notes, page);
  std::vector<ManualFile> files = {File(program, section, page)};
  // A verb has no files of its own to tell of; its page leads back to the program's.
  PageNotes of_verbs{.files = {}, .see_also = notes.see_also};
  of_verbs.see_also.insert(of_verbs.see_also.begin(),
                           absl::StrCat(program.name, "(", section, ")"));
  for (const Command& verb : program.commands) files.push_back(VerbPage(verb, section, of_verbs));
  return files;
}

}  // namespace warp::tools
