// Runs a fuzz target over every file of a directory, which makes the corpus a test. Each file is also cut at every
// length up to 256. Each input has memory of exactly its size, so a sanitizer would notice a read beyond the end.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "tests/fuzz/fuzz_target.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
    return 2;
  }
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    const auto* const begin = reinterpret_cast<const uint8_t*>(bytes.data());
    LLVMFuzzerTestOneInput(begin, bytes.size());
    for (size_t size = 0; size < std::min<size_t>(bytes.size(), 256); ++size) {
      const std::vector<uint8_t> cut(begin, begin + size);
      LLVMFuzzerTestOneInput(cut.data(), cut.size());
    }
    ++files;
  }
  std::printf("%d files\n", files);
  return files > 0 ? 0 : 1;  // an empty corpus tests nothing
}
