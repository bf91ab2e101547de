-- Remembers what the client's headers say. Values are at most @MAX_LENGTH@ printable ASCII characters; anything else is
-- ignored: a single span with invalid UTF-8 makes a whole export batch unreadable.
-- The gateway runs this chunk once and the function it returns for each request, so a request creates no functions.
local byte, pcall, type, kong, ngx = string.byte, pcall, type, kong, ngx

-- The value, if it may be stamped. A loop, since LuaJIT does not compile patterns.
local function usable(value)
  if type(value) ~= "string" or #value > @MAX_LENGTH@ then
    return nil
  end
  local visible = false
  for i = 1, #value do
    local code = byte(value, i)
    if code < 32 or code > 126 then
      return nil
    end
    visible = visible or code > 32
  end
  return visible and value or nil
end

@REMEMBER@
return function()
  pcall(remember)
end
