#include "tools/link/model/link_arena.h"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <random>

namespace warp::tools {
namespace {

struct Kept {
  LinkFrame* frame;
  uint8_t fill;
  size_t size;
};

// Takes a frame whose every byte is `fill`.
bool Keep(LinkArena& arena, std::deque<Kept>& kept, size_t size, uint8_t fill) {
  LinkFrame* frame = arena.Allocate(size);
  if (frame == nullptr) return false;
  std::memset(frame->bytes(), fill, size);
  kept.push_back({frame, fill, size});
  return true;
}

bool IsWhole(const Kept& kept) {
  for (size_t i = 0; i < kept.size; ++i) {
    if (kept.frame->bytes()[i] != kept.fill) return false;
  }
  return kept.frame->size == kept.size && !kept.frame->released;
}

TEST(LinkArenaTest, FramesKeepTheirBytesWhateverTheOrderOfTheirEnds) {
  LinkArena arena(20'000);
  std::deque<Kept> kept;
  std::mt19937 random(1);
  size_t full = 0;
  for (int i = 0; i < 200'000; ++i) {
    if (random() % 2 == 0 && !Keep(arena, kept, 1 + random() % 3000, static_cast<uint8_t>(i)))
      ++full;
    if (random() % 2 == 0 && !kept.empty()) {
      const size_t which = random() % std::min<size_t>(kept.size(), 3);
      ASSERT_TRUE(IsWhole(kept[which])) << i;
      arena.Release(kept[which].frame);
      kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(which));
    }
  }
  EXPECT_GT(full, 100u);
  for (const Kept& last : kept) arena.Release(last.frame);
  EXPECT_EQ(arena.frames(), 0u);
  EXPECT_NE(arena.Allocate(20'000 - sizeof(LinkFrame)), nullptr);  // nothing was lost of it
}

TEST(LinkArenaTest, IsFullAndThenTakesAgain) {
  LinkArena arena(4096);
  std::deque<Kept> kept;
  while (Keep(arena, kept, 900, 1)) {
  }
  EXPECT_EQ(kept.size(), 4u);
  arena.Release(kept[1].frame);
  EXPECT_EQ(arena.Allocate(900), nullptr);  // it stands behind one that is still kept
  arena.Release(kept[0].frame);
  EXPECT_NE(arena.Allocate(900), nullptr);
}

// A sanitizer ends a program that asks for so much. Builds with clang are for sanitizers.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
TEST(LinkArenaTest, WithoutMemoryItIsFull) {
  LinkArena arena(size_t{1} << 50);
  EXPECT_FALSE(arena.Exists());
  EXPECT_EQ(arena.Allocate(100), nullptr);
}
#endif

TEST(LinkArenaTest, AnEmptyArenaBeginsAtItsFront) {
  LinkArena arena(1 << 20);
  LinkFrame* first = arena.Allocate(100);
  arena.Release(first);
  EXPECT_EQ(arena.Allocate(100), first);
}

}  // namespace
}  // namespace warp::tools
