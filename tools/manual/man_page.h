// The manual pages of a program: one of its own, and one of each of its verbs, which describes those below it, too.
#ifndef WARP_TOOLS_MANUAL_MAN_PAGE_H_
#define WARP_TOOLS_MANUAL_MAN_PAGE_H_

#include <string>
#include <utility>
#include <vector>

#include "tools/manual/command.h"
#include "tools/manual/roff.h"

namespace warp::tools {

// A file of the manual, below the directory that the documentation is written to.
struct ManualFile {
  std::string path;  // "man1/warp-status.1"
  std::string text;
};

// What a page says beyond the command line.
struct PageNotes {
  std::vector<std::pair<std::string, std::string>> files;  // path and meaning
  std::vector<std::string> see_also;                       // "warpd(8)"
};

std::vector<ManualFile> ManPages(const Command& program, int section, const PageNotes& notes);

// Ends a page: the files, and the other pages but the page `name` itself.
void WriteEnd(const std::string& name, const PageNotes& notes, Roff& page);

// "man1/warp-status.1"
std::string ManPath(const std::string& name, int section);

}  // namespace warp::tools

#endif  // WARP_TOOLS_MANUAL_MAN_PAGE_H_
