-- Remembers the conversation id the client sent. Ids are at most @MAX_LENGTH@ printable ASCII characters; anything else is
-- ignored: a single span with invalid UTF-8 makes a whole export batch unreadable.
-- The gateway runs this chunk once and the function it returns for each request, so a request creates no functions.
local byte, pcall, type, kong, ngx = string.byte, pcall, type, kong, ngx

-- A loop, since LuaJIT does not compile patterns.
local function is_printable(id)
  local visible = false
  for i = 1, #id do
    local code = byte(id, i)
    if code < 32 or code > 126 then
      return false
    end
    visible = visible or code > 32
  end
  return visible
end

local function remember()
  local id = kong.request.get_header("@SESSION_HEADER@")
  if type(id) == "string" and #id <= @MAX_LENGTH@ and is_printable(id) then
    ngx.ctx.fiddler_conversation_id = id
  end
end

return function()
  pcall(remember)
end
