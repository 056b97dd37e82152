#include "map-server/redis/scripts.h"

namespace warp::map {
namespace {

// Strings are compared byte by byte, because < in Lua follows the locale of the server.
constexpr char kCommon[] = R"lua(
local function later(a, b)
  for i = 1, 16 do
    local x, y = string.byte(a, i) or 0, string.byte(b, i) or 0
    if x ~= y then return x > y end
  end
  return false
end
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function expired(value, at)
  return #value < 33 or struct.unpack('>I8', value, 17) <= at
end
-- What stands there may be anybody's. A map reads no answer of a megabyte, and ends the connection at one.
local function bounded(value, most)
  return #value > most and '' or value
end
local function tell()
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', 'n', ARGV[1], 'm', ARGV[2])
end
local function prolong(lifetime)
  if redis.call('PTTL', KEYS[1]) < lifetime then redis.call('PEXPIRE', KEYS[1], lifetime) end
end
)lua";

constexpr char kPutLua[] = R"lua(
local lifetime, field, order, body = tonumber(ARGV[4]), ARGV[5], ARGV[6], ARGV[7]
local at = now()
local old = redis.call('HGET', KEYS[1], field)
if old and expired(old, at) then old = false end
if old and not later(order, old) then return {1, bounded(old, 1024)} end
if not old and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[8]) then
  local all = redis.call('HGETALL', KEYS[1])
  local standing = 0
  for i = 1, #all, 2 do
    if all[i] ~= 'a' and expired(all[i + 1], at) then
      redis.call('HDEL', KEYS[1], all[i])
    elseif all[i] ~= 'a' then
      standing = standing + 1
    end
  end
  if standing >= tonumber(ARGV[8]) then return {2} end
end
redis.call('HSET', KEYS[1], field, order .. struct.pack('>I8', at + lifetime) .. body)
prolong(lifetime)
if not old or string.sub(old, 25, 33) ~= string.sub(body, 1, 9) then tell() end
return {0, redis.call('HEXISTS', KEYS[1], 'a')}
)lua";

constexpr char kPutAllowLua[] = R"lua(
local order, body = ARGV[5], ARGV[6]
if redis.call('EXISTS', KEYS[1]) == 0 then return {1} end
local old = redis.call('HGET', KEYS[1], 'a')
if old and later(old, order) then return {1} end
redis.call('HSET', KEYS[1], 'a', order .. string.rep('\0', 8) .. body)
prolong(tonumber(ARGV[4]))
if not old or string.sub(old, 25, 33) ~= string.sub(body, 1, 9) then tell() end
return {0}
)lua";

constexpr char kWithdrawLua[] = R"lua(
local port, order, body = ARGV[4], ARGV[5], ARGV[6]
local all = redis.call('HGETALL', KEYS[1])
local withdrawn = 0
for i = 1, #all, 2 do
  local field, value = all[i], all[i + 1]
  if string.sub(field, 1, 1) == 'r' and (port == '' or string.sub(field, 2, 3) == port)
      and #value >= 33 and later(order, value) then
    if string.byte(value, 33) == 1 then withdrawn = withdrawn + 1 end
    redis.call('HSET', KEYS[1], field, order .. string.sub(value, 17, 24) .. body)
  end
end
if ARGV[7] == '1' then withdrawn = withdrawn + redis.call('HDEL', KEYS[1], 'a') end
if withdrawn > 0 then tell() end
return withdrawn
)lua";

constexpr char kGetLua[] = R"lua(
local at = now()
local all = redis.call('HGETALL', KEYS[1])
local live = {}
for i = 1, #all, 2 do
  if #live >= 36 then break end
  if all[i] == 'a' or not expired(all[i + 1], at) then
    live[#live + 1] = bounded(all[i], 4)
    live[#live + 1] = bounded(all[i + 1], 20000)
  end
end
return live
)lua";

}  // namespace

std::vector<std::string> Scripts() {
  std::vector<std::string> scripts;
  for (const char* body : {kPutLua, kPutAllowLua, kWithdrawLua, kGetLua})
    scripts.push_back(std::string(kCommon) + body);
  return scripts;
}

}  // namespace warp::map
