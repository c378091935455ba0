-- Changes a balance as somebody changed it in HubSpot, once, and never below zero: what could not
-- be taken away is answered, for a later edit may make up for it.
create or replace function hubspot_sync.take_top_up(
  p_contact uuid,
  p_credit text,
  p_delta integer,
  p_note text,
  p_at timestamptz
)
  returns integer
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  -- Null where the moment is not known.
  v_key text := 'HubSpot ' || p_contact || ' ' || p_credit || ' '
    || to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS');
  v_balance integer;
  v_delta integer;
begin
  if p_delta = 0 or exists (select from hubspot_sync.credit_ledger l
                             where l.idempotency_key = v_key) then
    return 0;
  end if;
  select (hubspot_sync.contact_properties(c) ->> p_credit)::integer
    into v_balance
    from hubspot_sync.hubspot_contact_credits c
   where c.id = p_contact;
  v_delta := greatest(p_delta, -v_balance);
  if v_delta = 0 then
    return -p_delta;
  end if;
  perform set_config('hubspot_sync.ledger_entry', jsonb_build_object(
    'note', p_note, 'key', v_key)::text, true);
  perform hubspot_sync.change_credit(p_contact, p_credit, v_delta, 'hubspot', null);
  perform set_config('hubspot_sync.ledger_entry', '', true);
  return v_delta - p_delta;
exception
  when numeric_value_out_of_range then
    perform set_config('hubspot_sync.ledger_entry', '', true);
    raise exception '% cannot be changed by %: the balance would be too large', p_credit, p_delta
      using errcode = '22023', hint = 'Correct it in HubSpot.';
end;
$$;

comment on function hubspot_sync.take_top_up(uuid, text, integer, text, timestamptz) is
  'Adds p_delta to a balance with a ledger entry of reason «hubspot», unless the ledger has that '
  'edit (contact, balance, p_at: its moment in HubSpot''s history, null where that is not known). '
  'It stops at 0: answers how much could not be taken away. Raises 22023 for a balance out of '
  'range.';
revoke execute on function hubspot_sync.take_top_up(uuid, text, integer, text, timestamptz)
  from public, anon, authenticated;
