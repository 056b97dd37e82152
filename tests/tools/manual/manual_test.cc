// Tests what the documentation is made of: a command line with one of everything, and schemas.
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "absl/strings/match.h"
#include "control/config/map_schema.h"
#include "tools/manual/command.h"
#include "tools/manual/completion.h"
#include "tools/manual/config_page.h"
#include "tools/manual/man_page.h"
#include "tools/manual/roff.h"

namespace warp::tools {
namespace {

// A program with a verb `grow`, a verb `tree` with two below it, and all kinds of options.
class ManualTest : public ::testing::Test {
 protected:
  ManualTest() {
    app_.name("garden");
    app_.description("Grows what others 'only' plan");
    app_.set_version_flag("--version", "1");
    app_.require_subcommand(1);
    CLI::App* grow = app_.add_subcommand("grow", "Let it grow: [slowly]");
    grow->add_option("--rate,-r", rate_, "How fast")->check(CLI::Range(0.5, 10.0))->type_name("MM");
    grow->add_option("--plan", plan_, "Where it stands")->type_name("FILE")->capture_default_str();
    CLI::Option_group* where = grow->add_option_group("where");
    where->add_option("--bed", text_, "In a bed")->type_name("NAME");
    where->add_flag("--pot", flag_, "In a pot");
    where->require_option(1);
    grow->add_option("seeds", seeds_, "What")->required()->type_name("SEED");
    CLI::App* tree = app_.add_subcommand("tree", "Trees");
    tree->require_subcommand(1)->fallthrough();
    tree->add_flag("--json", flag_, "As JSON");
    tree->add_subcommand("fell", "Cut it");
    tree->add_subcommand("plant", "Set it")->footer("Dig first");
    garden_ = CommandOf(app_);
  }
  const Command& Verb(size_t i) const { return garden_.commands[i]; }
  std::string Page(size_t i) const { return ManPages(garden_, 1, {})[i].text; }

  CLI::App app_;
  double rate_ = 2;
  std::string plan_ = "/etc/plan";
  std::string text_;
  bool flag_ = false;
  std::vector<std::string> seeds_;
  Command garden_;
};

TEST_F(ManualTest, ReadsWhatIsDeclared) {
  ASSERT_EQ(garden_.commands.size(), 2u);
  EXPECT_TRUE(garden_.needs_command);
  const Command& grow = Verb(0);
  EXPECT_EQ(grow.path, "garden grow");
  ASSERT_EQ(grow.options.size(), 5u);  // with --help
  const CommandOption& rate = grow.options[1];
  EXPECT_EQ(rate.names, (std::vector<std::string>{"-r", "--rate"}));
  EXPECT_EQ(rate.value, "MM");
  EXPECT_EQ(rate.range, "0.5 to 10");
  EXPECT_TRUE(grow.options[2].is_file());
  EXPECT_EQ(grow.options[2].fallback, "/etc/plan");
  EXPECT_NE(grow.options[3].choice, 0);
  EXPECT_EQ(grow.options[3].choice, grow.options[4].choice);
  EXPECT_EQ(grow.options[4].value, "");
  ASSERT_EQ(grow.arguments.size(), 1u);
  EXPECT_TRUE(grow.arguments[0].required && grow.arguments[0].repeated);
}

TEST_F(ManualTest, VerbsBelowAVerbTakeItsOptionsAndNotTheProgrammes) {
  const Command& fell = Verb(1).commands[0];
  ASSERT_EQ(fell.options.size(), 2u);
  EXPECT_EQ(fell.options[1].names, std::vector<std::string>{"--json"});
  EXPECT_TRUE(fell.options[1].inherited);
  for (const CommandOption& option : Verb(1).options) {
    EXPECT_NE(option.names.back(), "--version");
  }
}

TEST_F(ManualTest, EachVerbHasAPage) {
  const std::vector<ManualFile> pages =
      ManPages(garden_, 1, {.files = {}, .see_also = {"spade(8)"}});
  ASSERT_EQ(pages.size(), 3u);
  EXPECT_EQ(pages[0].path, "man1/garden.1");
  EXPECT_EQ(pages[1].path, "man1/garden-grow.1");
  EXPECT_TRUE(absl::StrContains(pages[0].text, "\\fBgarden\\-tree\\fR(1)\nTrees.\n"));
  EXPECT_TRUE(absl::StrContains(pages[1].text, "garden-grow \\- Let it grow: [slowly]\n"));
  EXPECT_TRUE(absl::StrContains(pages[1].text, "\\fBgarden\\fR(1), \\fBspade\\fR(8)\n"));
}

TEST_F(ManualTest, APageSaysHowAVerbIsCalled) {
  EXPECT_TRUE(absl::StrContains(
      Page(1),
      "\\fBgarden grow\\fR [\\fB\\-\\-rate\\fR \\fIMM\\fR] [\\fB\\-\\-plan\\fR \\fIFILE\\fR] "
      "(\\fB\\-\\-bed\\fR \\fINAME\\fR | \\fB\\-\\-pot\\fR) \\fISEED\\fR ...\n"))
      << Page(1);
  EXPECT_TRUE(absl::StrContains(Page(1), "How fast. From 0.5 to 10.\n"));
  EXPECT_TRUE(absl::StrContains(Page(1), "Where it stands. Default: \\fB/etc/plan\\fR.\n"));
  // Verbs below it are called, not the verb itself.
  EXPECT_TRUE(absl::StrContains(Page(2), "\\fBgarden tree plant\\fR [\\fB\\-\\-json\\fR]\n"));
  EXPECT_FALSE(absl::StrContains(Page(2), "\\fBgarden tree\\fR "));
  EXPECT_TRUE(absl::StrContains(Page(2), "Dig first.\n"));
}

TEST_F(ManualTest, ShellsLearnVerbsOptionsAndFiles) {
  const std::string bash = BashCompletion(garden_);
  EXPECT_TRUE(absl::StrContains(bash, "'garden tree') verbs='fell plant'")) << bash;
  EXPECT_TRUE(absl::StrContains(bash, "'garden grow --plan') verbs= options= files=yes")) << bash;
  const std::string zsh = ZshCompletion(garden_);
  EXPECT_TRUE(absl::StrContains(zsh, "#compdef garden\n"));
  EXPECT_TRUE(absl::StrContains(zsh, "'grow:Let it grow: [slowly]'")) << zsh;
  EXPECT_TRUE(absl::StrContains(zsh, "--plan'[Where it stands]:FILE:_files'")) << zsh;
  const std::string fish = FishCompletion(garden_);
  EXPECT_TRUE(absl::StrContains(
      fish, "-n '__fish_seen_subcommand_from tree; and __fish_seen_subcommand_from plant' -l json"))
      << fish;
  EXPECT_TRUE(absl::StrContains(fish, " -l plan -r -F -d 'Where it stands'\n")) << fish;
}

TEST(RoffTest, NothingInATextIsAMacro) {
  Roff page("a", 1);
  const size_t begin = page.text().size();
  page.Paragraph(".so /etc/passwd \\fB 'x' `a-b` \"q\" ~ – é");
  EXPECT_EQ(page.text().substr(begin),
            ".PP\n\\&.so /etc/passwd \\efB \\(aqx\\(aq \\fBa\\-b\\fR \\(dqq\\(dq \\(ti \\[u2013] "
            "\\[u00E9]\n");
  EXPECT_EQ(Roff::Escape("`open"), "\\fBopen\\fR");
  EXPECT_EQ(Roff::Sentence("A word"), "A word.");
  EXPECT_EQ(Roff::Sentence("A word."), "A word.");
}

TEST(ConfigPageTest, HasEveryKeyWithDefaultAndReason) {
  const ManualFile page = ConfigPage({{"warp-map", config::MapSchema()}}, {});
  EXPECT_EQ(page.path, "man5/warp.yaml.5");
  for (const config::Key& key : config::MapSchema().keys()) {
    EXPECT_TRUE(absl::StrContains(page.text, Roff::Bold(key.name))) << key.name;
    EXPECT_TRUE(absl::StrContains(page.text, Roff::Escape(key.reason))) << key.name;
    if (!key.fallback.empty() && !key.fallback_in_words) {
      EXPECT_TRUE(absl::StrContains(page.text, "Default: " + Roff::Bold(key.fallback) + "."))
          << key.name;
    }
  }
  EXPECT_TRUE(absl::StrContains(page.text, "\\fBprivate_key_file\\fR (\\fIpath\\fR)\n"));
}

TEST(ConfigPageTest, KnowsTheFilesOfAProgram) {
  const auto files = DefaultFiles(config::MapSchema());
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].first, "/run/warp-map/map.sock");
}

}  // namespace
}  // namespace warp::tools
