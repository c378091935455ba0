-- Cancels many bookings, each by itself: one that cannot be cancelled leaves the others alone.
--
-- All contacts are locked before all bookings, each in order, so that two calls with the same
-- bookings the other way round wait instead of blocking each other for ever.
create or replace function api.cancel_bookings(
  p_booking_ids text[] default null,
  p_reason text default null
)
  returns setof api.booking_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_ids uuid[];
  v_free uuid[];
  v_booking hubspot_sync.hubspot_bookings;
  v_refusal hubspot_sync.refusal;
  v_results api.booking_result[] := array[]::api.booking_result[];
  v_result api.booking_result;
  v_booking_id text;
begin
  perform hubspot_sync.require_administrator();
  perform hubspot_sync.require_read_committed();
  perform hubspot_sync.require_short(p_reason);
  if p_booking_ids is null then
    raise exception 'p_booking_ids is missing'
      using errcode = '22023', hint = 'Give 1 to 1000 booking ids in one array.';
  end if;
  if cardinality(p_booking_ids) not between 1 and 1000
     or array_ndims(p_booking_ids) > 1
     or exists (select from unnest(p_booking_ids) i (value)
                 where coalesce(trim(i.value), '') = '' or length(i.value) > 500)
  then
    raise exception 'p_booking_ids has % entries, an empty one, or one over 500 characters',
      coalesce(cardinality(p_booking_ids), 0)
      using errcode = '22023', hint = 'Give 1 to 1000 booking ids in one array.';
  end if;

  v_ids := array(
    select distinct f.id
      from unnest(p_booking_ids) i (value)
     cross join lateral hubspot_sync.find_booking(i.value) f (id)
     where f.id is not null);
  perform from hubspot_sync.hubspot_contact_credits c
    where c.id in (select b.contact from hubspot_sync.hubspot_bookings b where b.id = any (v_ids))
    order by c.id
      for no key update;
  perform from hubspot_sync.hubspot_bookings b where b.id = any (v_ids) order by b.id
      for no key update;
  -- Contacts they were linked with while we waited: whoever has one may be waiting for us.
  perform from hubspot_sync.hubspot_contact_credits c
    where c.id in (select b.contact from hubspot_sync.hubspot_bookings b where b.id = any (v_ids))
      for no key update nowait;

  foreach v_booking_id in array p_booking_ids loop
    v_result := null;
    v_result.booking_id := v_booking_id;
    v_result.done := false;
    select b.* into v_booking
      from hubspot_sync.hubspot_bookings b
     where b.id = hubspot_sync.find_booking(v_booking_id) and b.id = any (v_ids);
    if v_booking.id is null then
      v_result.code := 'MBNOF';
      v_result.message := format('booking %s does not exist', v_booking_id);
    elsif v_booking.is_active = 'Cancelled' or v_booking.id = any (v_free) then
      v_result.done := true;
    else
      v_refusal := hubspot_sync.refuse_release(v_booking);
      v_result.code := v_refusal.code;
      v_result.message := v_refusal.message;
      if v_refusal.code is null then
        v_result.done := true;
        v_free := v_free || v_booking.id;
      end if;
    end if;
    v_results := v_results || v_result;
  end loop;

  perform from hubspot_sync.release_bookings(v_free, p_reason);
  foreach v_result in array v_results loop
    select b.* into v_booking
      from hubspot_sync.hubspot_bookings b
     where b.id = hubspot_sync.find_booking(v_result.booking_id) and b.id = any (v_ids);
    if v_booking.id is not null then
      v_result.booking := hubspot_sync.booking_answer(v_booking, null);
      -- The first mention of a booking cancels it, a second one repeats that.
      v_result.booking.replayed := v_result.done and v_booking.id <> all (coalesce(v_free, '{}'));
      v_free := array_remove(v_free, v_booking.id);
    end if;
    return next v_result;
  end loop;
exception
  when numeric_value_out_of_range then
    raise exception 'the balance one of % bookings goes back to is too large',
      cardinality(p_booking_ids)
      using errcode = '22023', hint = 'Correct it with api.adjust_credits first.';
  when lock_not_available or deadlock_detected then
    raise exception 'one of % bookings is busy', cardinality(p_booking_ids)
      using errcode = 'MBBSY', hint = 'Send the same request again.';
end;
$$;

comment on function api.cancel_bookings(text[], text) is
  'Cancels up to 1,000 bookings in one transaction and answers one result for each id, in the '
  'order given: done, or the code and message of what api.cancel_booking would have refused it '
  'with (MBNOF, MBSTA, MBCUT). p_reason: for the audit log. Raises, for all of them, 22023 (no '
  'ids, too many, or a reason too long), MBBSY (try again), MBISO (isolation level), 42501 (not '
  'allowed).';
revoke execute on function api.cancel_bookings(text[], text) from public, anon, authenticated;
grant execute on function api.cancel_bookings(text[], text) to authenticated, service_role;
