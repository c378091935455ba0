-- Answers a grant or adjustment whose idempotency key is known, or refuses it when it is another.
create or replace function hubspot_sync.replay_credit(p_key text, p_request jsonb)
  returns api.contact_credits
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_entry hubspot_sync.credit_ledger;
  v_differing text;
  v_answer api.contact_credits;
begin
  select l.* into v_entry
    from hubspot_sync.credit_ledger l
   where l.idempotency_key = p_key;
  if not found then
    return null;
  end if;
  select string_agg(n.key, ', ' order by n.key) into v_differing
    from jsonb_each(p_request) n
   where v_entry.idempotency_request -> n.key is distinct from n.value;
  if v_differing is not null then
    raise exception 'idempotency key was used for a request with another %', v_differing
      using errcode = 'MBKEY',
            hint = 'Send the first request unchanged to repeat it, or a new key.';
  end if;
  v_answer := jsonb_populate_record(null::api.contact_credits, v_entry.idempotency_result);
  v_answer.replayed := true;
  return v_answer;
end;
$$;

comment on function hubspot_sync.replay_credit(text, jsonb) is
  'The stored first answer of a key, marked replayed; null when the key is unknown. Raises '
  'MBKEY, naming the fields that differ and never their values.';
revoke execute on function hubspot_sync.replay_credit(text, jsonb) from public, anon, authenticated;
