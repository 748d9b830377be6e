-- hand_over: sessions' drafts as JSON, as the flush's statement takes them (fragments/settled.sql), for PostgreSQL to judge.
-- Values are passed on as they are. Of a value that put_drafts has not written, or that only a parser can tell to be within
-- the limits of an answer, the session has no text.
-- KEYS     {session:<id>}:drafts, any number that share a slot
-- ARGV[1]  after how many bytes it stops: whoever asked asks again for the rest
-- Reply    for each session: its JSON, or nil; the digest of its drafts
-- include digest
local BEGINNING = '^{"at":%d+,"writer":"[%w-]+","answer":'
local MANY_DIGITS = string.rep('%d', 400)

-- Whether a parser is not needed to tell that the answer is within the limits: of numbers and of depth.
local function is_plain(value)
  local _, place = string.find(value, BEGINNING)
  if not place or string.byte(value, -1) ~= 125 then
    return false
  end
  if string.byte(value, place + 1) == 34 then
    return true
  end
  if string.find(value, '[eE]%+?%d%d%d%d', place) then
    return false
  end
  return #value < 200 or select(2, string.gsub(value, '[%[{]', '')) < 100 and not string.find(value, MANY_DIGITS, place)
end

local function as_json(key, fields)
  local answers, displaced, current = {}, {}, 'null'
  for i = 1, #fields, 2 do
    local name, value = fields[i], fields[i + 1]
    if not is_plain(value) then
      return nil
    end
    local question = string.match(name, '^q:(.*)')
    local lost = string.match(name, '^displaced:%d+%.[0-9a-f-]+:(.*)')
    if question then
      answers[#answers + 1] = cjson.encode(question) .. ':' .. value
    elseif lost then
      displaced[#displaced + 1] = '{"question":' .. cjson.encode(lost) .. ',' .. string.sub(value, 2)
    elseif name == 'current_question' then
      current = value
    else
      return nil
    end
  end
  return table.concat({
    '{"id":"', string.match(key, '^{session:(.*)}'), '","fields":', #fields / 2,
    ',"drafts":{', table.concat(answers, ','), '},"displaced":[', table.concat(displaced, ','),
    '],"current":', current, '}',
  })
end

local replies, size = {}, 0
for i, key in ipairs(KEYS) do
  local fields = redis.call('HGETALL', key)
  local json = as_json(key, fields)
  size = size + #(json or '')
  if i > 1 and size > tonumber(ARGV[1]) then
    break
  end
  replies[#replies + 1] = {json or false, digest(fields)}
end
return replies
