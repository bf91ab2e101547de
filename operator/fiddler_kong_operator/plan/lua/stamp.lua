-- Stamps the conversation id on every span made so far; Fiddler groups calls with the same id into one session.
-- The gateway runs this chunk once and the function it returns for each request, so a request creates no functions.
local ipairs, pcall, type, ngx = ipairs, pcall, type, ngx

local function stamp(span, id)
  span:set_attribute("gen_ai.conversation.id", id)
end

local function stamp_all(one_by_one)
  local ctx = ngx.ctx
  local id = ctx.fiddler_conversation_id
  if not id then
    return
  end
  local spans = ctx.KONG_SPANS
  if type(spans) ~= "table" then
    return
  end
  for _, span in ipairs(spans) do
    if one_by_one then
      pcall(stamp, span, id)
    else
      stamp(span, id)
    end
  end
end

return function()
  if not pcall(stamp_all) then
    pcall(stamp_all, true)
  end
end
