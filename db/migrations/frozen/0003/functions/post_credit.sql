-- Changes a balance because somebody decided so, once per idempotency key.
--
-- The contact's lock makes requests of one contact queue, so a key in flight is waited for and
-- then replayed; two contacts under one key meet at the ledger's unique index.
create or replace function hubspot_sync.post_credit(
  p_contact uuid,
  p_credit text,
  p_delta integer,
  p_reason text,
  p_note text,
  p_key text
)
  returns api.contact_credits
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_credits constant text[] := array[
    'sj_credits', 'cs_credits', 'sjmini_credits', 'mock_discussion_token', 'shared_mock_credits'];
  v_key text := nullif(trim(p_key), '');
  v_note text := nullif(trim(p_note), '');
  v_credit text := lower(trim(p_credit));
  v_request jsonb;
  v_contact hubspot_sync.hubspot_contact_credits;
  v_answer api.contact_credits;
  v_constraint text;
begin
  perform hubspot_sync.require_short(p_credit, p_note, p_key);
  if v_credit is null or v_credit <> all (c_credits) then
    raise exception 'balance % does not exist', coalesce(p_credit, 'null')
      using errcode = '22023', hint = 'p_credit is one of: ' || array_to_string(c_credits, ', ');
  end if;
  if v_note is null then
    raise exception 'p_reason is missing'
      using errcode = '22023', hint = 'Say why: whoever reads the ledger will ask.';
  end if;
  v_request := jsonb_build_object(
    'contact', p_contact, 'p_credit', v_credit,
    case p_reason when 'grant' then 'p_amount' else 'p_delta' end, p_delta,
    'p_reason', v_note, 'function', p_reason);
  begin
    select c.* into v_contact
      from hubspot_sync.hubspot_contact_credits c
     where c.id = p_contact
       for no key update;
    v_answer := hubspot_sync.replay_credit(v_key, v_request);
    if v_answer.id is not null then
      return v_answer;
    end if;
    perform set_config('hubspot_sync.ledger_entry', jsonb_build_object(
      'note', v_note, 'key', v_key,
      'request', case when v_key is not null then v_request end)::text, true);
    perform hubspot_sync.change_credit(p_contact, v_credit, p_delta, p_reason, null);
    perform set_config('hubspot_sync.ledger_entry', '', true);
    select c.* into v_contact
      from hubspot_sync.hubspot_contact_credits c
     where c.id = p_contact;
    return hubspot_sync.contact_answer(v_contact, false);
  exception
    when check_violation then
      raise exception 'contact % has less than % of %', v_contact.student_id, -p_delta, v_credit
        using errcode = 'MBCRD',
              detail = format('the balance is %s', to_jsonb(v_contact) ->> v_credit),
              hint = 'A balance cannot fall below 0: take away no more than there is.';
    when numeric_value_out_of_range then
      raise exception 'balance % of contact % would be too large', v_credit, v_contact.student_id
        using errcode = '22023', hint = 'Grant less.';
    when unique_violation then
      -- The key was used for another contact while we waited.
      get stacked diagnostics v_constraint = constraint_name;
      if v_constraint <> 'credit_ledger_idempotency_key' then
        raise;
      end if;
      return hubspot_sync.replay_credit(v_key, v_request);
    when lock_not_available or deadlock_detected then
      raise exception 'contact % is busy', p_contact
        using errcode = 'MBBSY', hint = 'Send the same request again.';
  end;
end;
$$;

comment on function hubspot_sync.post_credit(uuid, text, integer, text, text, text) is
  'Adds p_delta to the balance p_credit of a contact for p_reason (grant or adjustment, p_note: '
  'in words), once per key. Raises 22023 (unknown balance, no reason, too long, too large), '
  'MBCRD (below 0), MBKEY (key of another request), MBBSY (try again).';
revoke execute on function hubspot_sync.post_credit(uuid, text, integer, text, text, text)
  from public, anon, authenticated;
