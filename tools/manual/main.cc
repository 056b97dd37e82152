// warp-manual DIRECTORY: writes the documentation of all programs that is made of what the code declares. Run while
// building; it is not installed itself.
//
//   man1/ man5/ man8/         manual pages: of each program and verb, and of the configuration
//   completions/              what bash completes; site-functions/, zsh; vendor_completions.d/, fish
//   warp/                     commented configurations with every key, for /etc
//
// Files and folders have the names that they are looked for by where they are installed.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/config/flags/daemon_flags.h"
#include "control/config/map_config.h"
#include "control/config/map_schema.h"
#include "control/config/node_config.h"
#include "control/config/node_schema.h"
#include "tools/command/warp.h"
#include "tools/manual/completion.h"
#include "tools/manual/config_page.h"
#include "tools/manual/man_page.h"

namespace warp::tools {
namespace {

void AddCompletions(const Command& program, std::vector<ManualFile>& files) {
  files.push_back({absl::StrCat("completions/", program.name), BashCompletion(program)});
  files.push_back({absl::StrCat("site-functions/_", program.name), ZshCompletion(program)});
  files.push_back(
      {absl::StrCat("vendor_completions.d/", program.name, ".fish"), FishCompletion(program)});
}

std::vector<ManualFile> Manual() {
  config::NodeFlags node_flags;
  config::MapFlags map_flags;
  CLI::App warp_line, node_line, map_line;
  const std::vector<std::string> application;
  int status = 0;
  DeclareWarp(warp_line, application, status);
  config::DeclareNodeFlags(node_line, node_flags);
  config::DeclareMapFlags(map_line, map_flags);
  const Command warp = CommandOf(warp_line);
  const Command node = CommandOf(node_line);
  const Command map = CommandOf(map_line);

  const std::vector<std::string> pages = {"warp(1)", "warp.yaml(5)", "warpd(8)", "warp-map(8)"};
  std::vector<ManualFile> files = ManPages(warp, 1, {.files = {}, .see_also = pages});
  const auto add_daemon = [&](const Command& daemon, const config::Section& schema) {
    for (ManualFile& page :
         ManPages(daemon, 8, {.files = DefaultFiles(schema), .see_also = pages})) {
      files.push_back(std::move(page));
    }
  };
  add_daemon(node, config::NodeSchema());
  add_daemon(map, config::MapSchema());
  files.push_back(ConfigPage(
      {{node.name, config::NodeSchema()}, {map.name, config::MapSchema()}},
      {.files = {{node_flags.config_file, "What warpd reads unless it is told another."}},
       .see_also = pages}));
  for (const Command* program : {&warp, &node, &map}) AddCompletions(*program, files);
  files.push_back({"warp/warpd.yaml.example", config::ExampleNodeConfig()});
  files.push_back({"warp/map.yaml.example", config::ExampleMapConfig()});
  return files;
}

// What was there before goes: a verb may have a page no longer. Each folder is then as new as what is in it, by which
// ninja sees that it was made.
int Write(const std::filesystem::path& directory) {
  const std::vector<ManualFile> files = Manual();
  for (const ManualFile& file : files) {
    std::filesystem::remove_all((directory / file.path).parent_path());
  }
  for (const ManualFile& file : files) {
    std::filesystem::create_directories((directory / file.path).parent_path());
    std::ofstream out(directory / file.path);
    out << file.text;
    if (!out.flush()) {
      std::fprintf(stderr, "warp-manual: cannot write %s\n", (directory / file.path).c_str());
      return 1;
    }
  }
  return 0;
}

}  // namespace
}  // namespace warp::tools

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: warp-manual DIRECTORY\n");
    return 1;
  }
  return warp::tools::Write(argv[1]);
}
