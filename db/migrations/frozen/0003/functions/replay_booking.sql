-- Answers a request whose idempotency key is known, or refuses it when it is another request.
create or replace function hubspot_sync.replay_booking(p_idempotency_key text, p_request jsonb)
  returns api.booking
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_booking hubspot_sync.hubspot_bookings;
  v_first jsonb;
  v_differing text;
  v_answer api.booking;
begin
  select b.*
    into v_booking
    from hubspot_sync.hubspot_bookings b
   where b.idempotency_key = p_idempotency_key;
  if not found then
    return null;
  end if;

  -- A booking of the old application carries no request: what its row tells is compared.
  v_first := coalesce(v_booking.idempotency_request, jsonb_build_object(
    'p_mock_exam_id', v_booking.mock_exam_id,
    'p_student_id', v_booking.student_id,
    'p_email', lower(v_booking.student_email)));
  select string_agg(n.key, ', ' order by n.key)
    into v_differing
    from jsonb_each(p_request) n
   where v_first ? n.key
     and v_first -> n.key is distinct from n.value;
  if v_differing is not null then
    raise exception 'idempotency key was used for a request with another %', v_differing
      using errcode = 'MBKEY',
            hint = 'Send the first request unchanged to repeat it, or a new key to book anew.';
  end if;

  v_answer := case
    when v_booking.idempotency_result is null
      then hubspot_sync.booking_answer(v_booking, true)
    else jsonb_populate_record(null::api.booking, v_booking.idempotency_result)
  end;
  v_answer.replayed := true;
  return v_answer;
end;
$$;

comment on function hubspot_sync.replay_booking(text, jsonb) is
  'The stored first answer of a key, marked replayed; null when the key is unknown. Raises '
  'MBKEY, naming the fields that differ and never their values.';
revoke execute on function hubspot_sync.replay_booking(text, jsonb)
  from public, anon, authenticated;
