-- Cancels a booking: the seat is free again, the credit goes back to where it came from, once.
--
-- Lock order: contact, booking, seat counter, as in api.create_booking.
create or replace function api.cancel_booking(
  p_booking_id text default null,
  p_reason text default null
)
  returns api.booking
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_booking hubspot_sync.hubspot_bookings;
  v_refusal hubspot_sync.refusal;
begin
  perform hubspot_sync.require_read_committed();
  perform hubspot_sync.require_short(p_reason);
  v_booking := hubspot_sync.lock_booking(p_booking_id);
  if v_booking.is_active = 'Cancelled' then
    return hubspot_sync.booking_answer(v_booking, true);
  end if;
  v_refusal := hubspot_sync.refuse_release(v_booking);
  if v_refusal.code is not null then
    raise exception '%', v_refusal.message
      using errcode = v_refusal.code, detail = v_refusal.detail, hint = v_refusal.hint;
  end if;
  select r.* into v_booking
    from hubspot_sync.release_bookings(array[v_booking.id], p_reason) r;
  return hubspot_sync.booking_answer(v_booking, false);
exception
  when numeric_value_out_of_range then
    raise exception 'the balance booking % goes back to is too large', p_booking_id
      using errcode = '22023', hint = 'Correct it with api.adjust_credits first.';
  when lock_not_available or deadlock_detected then
    raise exception 'booking % is busy', p_booking_id
      using errcode = 'MBBSY', hint = 'Send the same request again.';
end;
$$;

comment on function api.cancel_booking(text, text) is
  'Cancels an active booking, frees its seat and gives its credit back to the balance it came '
  'from. p_reason: for the audit log. Cancelling again changes nothing and answers the booking '
  'with replayed = true. A booking whose token_used is unknown is cancelled without a refund; '
  'sync_conflicts says so. A student cancels their own, until the exam starts or the cut-off '
  'before. Raises 22023 (argument missing or too long), MBNOF (no such booking), MBSTA '
  '(completed), MBCUT (too late), MBBSY (try again), MBISO (isolation level), 42501 (not '
  'allowed).';
revoke execute on function api.cancel_booking(text, text) from public, anon, authenticated;
grant execute on function api.cancel_booking(text, text) to authenticated, service_role;
