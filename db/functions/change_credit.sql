-- Changes one balance of a contact. The ledger's row is written by the trigger on contacts,
-- as for every writer; this function tells it why and for which booking.
create or replace function hubspot_sync.change_credit(
  p_contact uuid,
  p_credit text,
  p_delta integer,
  p_reason text,
  p_booking uuid
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_note text;
begin
  v_note := set_config('hubspot_sync.ledger_reason', p_reason, true);
  v_note := set_config('hubspot_sync.ledger_booking', coalesce(p_booking::text, ''), true);
  update hubspot_sync.hubspot_contact_credits c
     set sj_credits = c.sj_credits
           + case p_credit when 'sj_credits' then p_delta else 0 end,
         cs_credits = c.cs_credits
           + case p_credit when 'cs_credits' then p_delta else 0 end,
         sjmini_credits = c.sjmini_credits
           + case p_credit when 'sjmini_credits' then p_delta else 0 end,
         mock_discussion_token = c.mock_discussion_token
           + case p_credit when 'mock_discussion_token' then p_delta else 0 end,
         shared_mock_credits = c.shared_mock_credits
           + case p_credit when 'shared_mock_credits' then p_delta else 0 end,
         updated_at = hubspot_sync.clock()
   where c.id = p_contact;
  v_note := set_config('hubspot_sync.ledger_reason', '', true);
end;
$$;

comment on function hubspot_sync.change_credit(uuid, text, integer, text, uuid) is
  'Adds p_delta to the balance p_credit (a column name) of a contact, with a ledger entry. A '
  'balance never falls below zero (constraint credits_not_negative).';
revoke execute on function hubspot_sync.change_credit(uuid, text, integer, text, uuid)
  from public, anon, authenticated;
