// One end of a TLS connection against another end that is OpenSSL's alone, and hostile: what it may cost.
#include "control/stream/tls_stream.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "control/stream/tls_context.h"
#include "dataplane/os/signals.h"

namespace warp::stream {
namespace {

constexpr int kManyTurns = 1000;

class TlsStreamTest : public ::testing::Test {
 protected:
  void SetUp() override {
    os::BlockSignals(os::SignalSet({SIGPIPE}));
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    own_ = os::UniqueFd(ends[0]);
    other_ = os::UniqueFd(ends[1]);
    const int room = 1 << 20;
    setsockopt(other_.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    setsockopt(own_.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
  }
  void TearDown() override {
    stream_.reset();
    if (ssl_ != nullptr) SSL_free(ssl_);
    if (ctx_ != nullptr) SSL_CTX_free(ctx_);
  }
  void Serve() {
    stream_ = std::make_unique<TlsStream>(*server_, std::move(own_), size_t{64} << 10);
  }
  // The stranger's end, as a client.
  void MakeClient() {
    ctx_ = SSL_CTX_new(TLS_client_method());
    ssl_ = SSL_new(ctx_);
    SSL_set_fd(ssl_, other_.get());
    SSL_set_connect_state(ssl_);
  }
  bool ShakeHands() {
    for (int i = 0; i < kManyTurns; ++i) {
      const int done = SSL_do_handshake(ssl_);
      Turn();
      if (done == 1 && stream_->open()) return true;
      if (stream_->end() != End::kNone) return false;
    }
    return false;
  }
  // True: there may be more.
  bool Turn() {
    return stream_->Receive(64, [&](const wire::StreamFrame&) { return ++frames_, true; });
  }
  int Unread() const {
    int size = 0;
    EXPECT_EQ(ioctl(stream_->fd(), FIONREAD, &size), 0);
    return size;
  }

  const std::unique_ptr<TlsContext> server_ = *TlsContext::Server("", "");
  const std::unique_ptr<TlsContext> client_ = *TlsContext::Client();
  os::UniqueFd own_, other_;
  std::unique_ptr<TlsStream> stream_;
  SSL_CTX* ctx_ = nullptr;
  SSL* ssl_ = nullptr;
  int frames_ = 0;
};

// Each costs its sender little. OpenSSL would go on for as long as they come.
TEST_F(TlsStreamTest, KeysThatChangeAllTheTimeEndIt) {
  Serve();
  MakeClient();
  ASSERT_TRUE(ShakeHands());
  for (int i = 0; i < 2000; ++i) {
    ASSERT_EQ(SSL_key_update(ssl_, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
    ASSERT_EQ(SSL_do_handshake(ssl_), 1);
  }
  Turn();
  EXPECT_GT(Unread(), 0) << "one call took all of it";
  for (int i = 0; i < kManyTurns && stream_->end() == End::kNone; ++i) Turn();
  EXPECT_EQ(stream_->end(), End::kTls);
  EXPECT_EQ(stream_->reason(), "it changes its keys all the time");
}

// A few of them are what TLS does.
TEST_F(TlsStreamTest, KeysMayChange) {
  Serve();
  MakeClient();
  ASSERT_TRUE(ShakeHands());
  std::vector<uint8_t> frame(wire::kStreamHeaderSize + 100);
  wire::WriteStreamHeader(13116, 100, frame.data());
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(SSL_key_update(ssl_, SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_EQ(SSL_write(ssl_, frame.data(), static_cast<int>(frame.size())),
              static_cast<int>(frame.size()));
    while (Turn()) continue;
    ASSERT_TRUE(stream_->Send(13116, std::vector<uint8_t>(100)));
    stream_->Flush();
    std::vector<uint8_t> answer(1000);
    ASSERT_EQ(SSL_read(ssl_, answer.data(), 1000), static_cast<int>(frame.size()));
  }
  EXPECT_EQ(frames_, 20);
  EXPECT_TRUE(stream_->open());
}

// A frame that is cut at every byte is a frame, and a sender of such ones gets no more of a turn than others.
TEST_F(TlsStreamTest, RecordsOfOneByteAreTakenByTurns) {
  Serve();
  MakeClient();
  ASSERT_TRUE(ShakeHands());
  std::vector<uint8_t> frame(wire::kStreamHeaderSize + 1000);
  wire::WriteStreamHeader(13116, 1000, frame.data());
  for (const uint8_t& byte : frame) ASSERT_EQ(SSL_write(ssl_, &byte, 1), 1);
  const int sent = Unread();
  EXPECT_TRUE(Turn());
  EXPECT_GT(Unread(), sent * 3 / 4);
  EXPECT_EQ(frames_, 0);
  while (Turn()) continue;
  EXPECT_EQ(frames_, 1);
  EXPECT_EQ(Unread(), 0);
  EXPECT_TRUE(stream_->open());
}

// A hello of 100 KB, in records of one byte.
TEST_F(TlsStreamTest, AHelloIsTakenByTurns) {
  Serve();
  std::vector<uint8_t> bytes;
  const std::vector<uint8_t> header = {0x01, 0x01, 0xf0, 0x00};
  for (size_t i = 0; i < 10'000; ++i) {
    const uint8_t byte = i < header.size() ? header[i] : 0;
    bytes.insert(bytes.end(), {0x16, 0x03, 0x01, 0x00, 0x01, byte});
  }
  ASSERT_EQ(write(other_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  EXPECT_TRUE(Turn());
  EXPECT_GT(Unread(), static_cast<int>(bytes.size()) * 3 / 4);
  while (Turn()) continue;
  EXPECT_EQ(Unread(), 0);
  EXPECT_EQ(stream_->end(), End::kNone);
}

// The client chooses the group, and the server would compute it: ffdhe8192 takes a hundred times as long as X25519.
TEST_F(TlsStreamTest, NobodyChoosesACostlyGroup) {
  for (const char* groups : {"ffdhe8192", "ffdhe2048", "P-521", "X448"}) {
    TearDown();
    SetUp();
    Serve();
    MakeClient();
    ASSERT_EQ(SSL_set1_groups_list(ssl_, groups), 1) << groups;
    EXPECT_FALSE(ShakeHands()) << groups;
    EXPECT_EQ(stream_->end(), End::kTls) << groups;
  }
  for (const char* groups : {"P-256", "X25519", "ffdhe8192:P-256"}) {
    TearDown();
    SetUp();
    Serve();
    MakeClient();
    ASSERT_EQ(SSL_set1_groups_list(ssl_, groups), 1) << groups;
    EXPECT_TRUE(ShakeHands()) << groups;
  }
}

TEST_F(TlsStreamTest, ThereIsNoEarlyDataNorATicketToUseAgain) {
  Serve();
  MakeClient();
  ASSERT_TRUE(ShakeHands());
  std::vector<uint8_t> nothing(10);
  EXPECT_LE(SSL_read(ssl_, nothing.data(), 10), 0);
  EXPECT_EQ(SSL_SESSION_is_resumable(SSL_get0_session(ssl_)), 0);
  EXPECT_EQ(SSL_SESSION_get_max_early_data(SSL_get0_session(ssl_)), 0u);
  EXPECT_EQ(SSL_get_current_compression(ssl_), nullptr);
}

// A box in the network begins a message of TLS and never ends it. Whoever waits until the socket is writable would do
// nothing else any more.
TEST_F(TlsStreamTest, HalfAMessageMakesNobodySpin) {
  ctx_ = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_num_tickets(ctx_, 0);
  // Such a ticket does not fit a record of 512 bytes.
  SSL_CTX_set_session_ticket_cb(
      ctx_,
      [](SSL* ssl, void*) {
        static const std::vector<uint8_t> kMuch(2000, 0x55);
        return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), kMuch.data(), kMuch.size());
      },
      nullptr, nullptr);
  ASSERT_EQ(SSL_CTX_use_certificate(ctx_, SSL_CTX_get0_certificate(server_->get())), 1);
  ASSERT_EQ(SSL_CTX_use_PrivateKey(ctx_, SSL_CTX_get0_privatekey(server_->get())), 1);
  ssl_ = SSL_new(ctx_);
  SSL_set_max_send_fragment(ssl_, 512);
  SSL_set_fd(ssl_, other_.get());
  SSL_set_accept_state(ssl_);
  stream_ = std::make_unique<TlsStream>(*client_, std::move(own_), size_t{64} << 10);
  Turn();
  ASSERT_TRUE(ShakeHands());
  while (Turn()) continue;

  BIO* const kept = BIO_new(BIO_s_mem());
  BIO_up_ref(kept);
  SSL_set0_wbio(ssl_, kept);
  ASSERT_EQ(SSL_new_session_ticket(ssl_), 1);
  ASSERT_EQ(SSL_do_handshake(ssl_), 1);
  std::vector<uint8_t> records(8000);
  const int size = BIO_read(kept, records.data(), 8000);
  BIO_free(kept);
  const int first = 5 + (records[3] << 8 | records[4]);
  ASSERT_GT(size, first) << "more than one record";
  ASSERT_EQ(write(other_.get(), records.data(), static_cast<size_t>(first)), first);
  EXPECT_FALSE(Turn());
  EXPECT_TRUE(stream_->open());

  ASSERT_TRUE(stream_->Send(13116, std::vector<uint8_t>(100)));
  stream_->Flush();
  EXPECT_GT(stream_->waiting(), 0u);
  EXPECT_FALSE(stream_->wants_to_write());
  // The rest comes after all.
  ASSERT_EQ(write(other_.get(), records.data() + first, static_cast<size_t>(size - first)),
            size - first);
  EXPECT_FALSE(Turn());
  EXPECT_TRUE(stream_->wants_to_write());
  stream_->Flush();
  EXPECT_EQ(stream_->waiting(), 0u);
}

}  // namespace
}  // namespace warp::stream
