-- What becomes of one property, which is here p_ours, in HubSpot p_theirs, and was known to be
-- p_base there: the whole rule of the merge.
--
-- Only what differs from p_base was edited there. What is on its way from here (p_open) is
-- protected until HubSpot has it. Else the field's owner decides.
create or replace function hubspot_sync.merge_decision(
  p_owner text,
  p_base text,
  p_ours text,
  p_theirs text,
  p_open boolean,
  p_dead boolean
)
  returns text
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when p_theirs = p_ours then 'equal'
    -- Not edited there: ours is newer, or something wrote it past the triggers.
    when p_theirs = p_base then case
      when p_open or p_dead then 'keep'
      when p_owner = 'hubspot' then 'take'
      else 'send' end
    -- Never compared before.
    when p_base is null then case
      when p_open and p_theirs = '' then 'keep'
      when p_open then 'keep, conflict'
      when p_owner = 'hubspot' then 'take'
      when p_owner = 'request' then 'send, conflict'
      else 'send' end
    -- Edited there, and here as well.
    when p_open then 'keep, conflict'
    when p_owner = 'postgres' then 'send, conflict'
    when p_owner = 'request' then 'ask'
    -- HubSpot's own, or later than what HubSpot had from here.
    when p_ours = p_base then 'take'
    else 'take, conflict'
  end;
end;
$$;

comment on function hubspot_sync.merge_decision(text, text, text, text, boolean, boolean) is
  'Decides on one property. p_owner: of field_owners, null where it names none; p_base: what '
  'HubSpot was last known to hold, null when that is not known; p_open: a change of it waits in '
  'the outbox; p_dead: one became a dead letter. Answers equal, keep (ours, which is on its way), '
  'take (theirs), send (ours, once more) or ask (a request); «, conflict» where an edit loses.';
revoke execute on function hubspot_sync.merge_decision(text, text, text, text, boolean, boolean)
  from public, anon, authenticated;
