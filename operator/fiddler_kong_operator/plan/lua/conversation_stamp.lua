-- Fiddler groups calls with the same id into one session.
local function stamp(span, id)
  span:set_attribute("gen_ai.conversation.id", id)
end
